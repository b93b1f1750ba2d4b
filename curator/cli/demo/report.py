"""The demo's report: what was made, where, how it looks, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curator.cli.shared.output import put, stdout_console
from curator.contract.locations import manifest_file
from curator.contract.run.run_folder import RunFolder

_CELLS = 16  # width of a sample on the screen; a cell holds one pixel across and two down


@dataclass(frozen=True)
class Outcome:
    """What the demo came to."""

    run: RunFolder
    base: Path
    lora: Path
    loss_before: float
    loss_after: float
    samples: tuple[tuple[str, str, str], ...]  # prompt, image before, image after
    difference: float
    effect: float


def tell(folder: Path, outcome: Outcome, seconds: float) -> None:
    """The last screen: what was made, where, and what to type next."""
    where = str(folder)
    put()
    put(f"Done in {seconds:.0f} s.")
    put(f"  loss on fixed noise   {outcome.loss_before:.4f} before, {outcome.loss_after:.4f} after")
    put(f"  diffusers loads it    largest difference to our own application {outcome.difference:.1e}")
    put(f"  collection            {where}")
    put(f"  manifest              {manifest_file(folder, 'demo')}")
    put(f"  LoRA                  {outcome.lora}")
    put(f"  baked model           {folder / 'baked'}")
    put(f"  grid                  {folder / 'grid' / 'sheet-1.png'}")
    put(f"  samples               {outcome.run.samples_dir}")
    for prompt, before, after in outcome.samples:
        put(f"    {prompt}: {Path(before).name} before, {Path(after).name} after")
    _draw(outcome)
    put()
    put("Next:")
    for line in _next_commands(where):
        put(f"  {line}")


def _next_commands(where: str) -> Sequence[str]:
    return (
        f"frieze {where}                                    the app: images, tags, subsets, runs",
        f"frieze ls 'cat OR coffee' --collection {where}    filter the collection",
        f"frieze manifest show demo --collection {where}    what an epoch of it is",
        f"frieze runs list --collection {where}             the runs",
    )


def _draw(outcome: Outcome) -> None:
    """Before above, after below, a column a prompt, where the terminal has colours."""
    console = stdout_console()
    if not console.is_terminal or console.no_color or console.width < (_CELLS + 2) * len(outcome.samples):
        return
    from rich.segment import Segment, Segments

    from curator.tui.drawing.picture_request import PictureRequest
    from curator.tui.drawing.pictures import draw_picture

    for row in (1, 2):
        paths = [outcome.run.path / sample[row] for sample in outcome.samples]
        drawn = [draw_picture(PictureRequest(path, _CELLS, _CELLS // 2)).strips for path in paths]
        put()
        for line in zip(*drawn, strict=False):
            cells = [segment for strip in line for segment in (Segment("  "), *strip)]
            console.print(Segments([*cells, Segment.line()]), end="")
