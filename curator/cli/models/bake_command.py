"""`frieze model bake`: adapters put into a checkpoint for good."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.models.block_numbers import CONVENTION
from curator.cli.options.options import DryRunOption, JsonOption, ReplaceOption
from curator.cli.shared.output import progress_shown, put, put_json, put_table, put_text, say, tell
from curator.cli.shared.typer_apps import with_options
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.model_files import BakeReport

_LAYERS_SHOWN = 10


@dataclass(frozen=True)
class BakeOptions:
    """What the command line says of a bake; None is what a bake does without it."""

    blocks: Annotated[
        str | None,
        typer.Option(
            "--blocks",
            metavar="FILE|N,N,...",
            help="A factor for each block, on top of the ratios, or for some by name: IN00=1,OUT*=0.",
        ),
    ]
    convention: Annotated[str | None, typer.Option("--convention", metavar="NAME", help=CONVENTION)]
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype", metavar="TYPE", help="fp16, bf16, fp32, or as-model: as the model has each (default)."
        ),
    ]


@with_options(BakeOptions)
def bake(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A single file or a diffusers folder of SD1, SD2 or SDXL.")
    ],
    adapters: Annotated[
        list[str],
        typer.Argument(
            metavar="ADAPTER[@RATIO]...",
            help="Adapters in the order they are applied. RATIO: 0.8, or by part and block: unet=0.8,text=0.5,OUT*=1.",
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="PLACE", help="A .safetensors file; of a folder a folder as well."),
    ],
    options: BakeOptions,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Compare every layer of the result with base and adapters on random inputs."
        ),
    ] = False,
    replace_it: ReplaceOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bake adapters into a model, so that it needs them no more; the result carries what it was made of.

    With --verify the exit code is 1 where a layer differs by more than rounding. With --dry-run nothing is written.
    """
    from curator.session.training.models import bake_adapters, typed_bake

    if verify and dry_run:
        raise UserError("--verify looks at a result, and --dry-run makes none", "give one of them")
    given = {name: value for name, value in asdict(options).items() if value is not None}
    recipe = typed_bake(str(model), adapters, given)
    with progress_shown("bake", "bytes") as show:
        done = bake_adapters(recipe, out, show, replaces=replace_it, is_dry=dry_run, verifies=verify)
    if as_json:
        put_json(cast("BakeReport", {"schema": "frieze/model-bake/1", **done, "dry_run": dry_run}))
    else:
        _put_report(done, is_dry=dry_run)
    if verify and not done["verified"]["holds"]:
        raise typer.Exit(ExitCode.NO)


def _put_report(done: dict[str, Any], *, is_dry: bool) -> None:
    for doubt in done["doubts"]:
        say(f"{doubt['what']}: {doubt['hint']}")
    if is_dry:
        put_text(done["toml"].rstrip("\n"))
        return
    for each in done["adapters"]:
        tell(f"{each['adapter']} at {each['ratio']}: {counted(each['modules'], 'module')}")
    tell(
        f"{done['path']}: {done['baked']:,} tensors baked, {done['copied']:,} copied, "
        f"{done['bytes'] / 1e9:,.2f} GB"
    )
    if done["verified"] is not None:
        _put_verdict(done["verified"])


def _put_verdict(found: dict[str, Any]) -> None:
    rows = [
        (each["module"], f"{each['largest']:.2g}", f"{each['allowed']:.2g}", f"{each['output']:.3g}")
        for each in found["layers"][:_LAYERS_SHOWN]
    ]
    put_table(rows, ("layer", "difference", "allowed", "output"))
    word = "equal within rounding" if found["holds"] else "NOT equal"
    put(
        f"{counted(len(found['layers']), 'layer')}, live and baked {word}: largest difference {found['largest']:.2g}, "
        f"{found['largest_relative']:.2g} of the layer's output"
    )
