"""Baking from the app: the form of adapters put into a model for good, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.session.training import models
from curator.tui import meanings
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.questions import FormLine, path_of, yes_or_no
from curator.tui.screens.dialogs.told import tell as tell_lines
from curator.tui.screens.workshop.model_job import Asked, ModelJob, Report

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.tui.screens.dialogs.at_work import Progress

_ADAPTERS = ("adapter", "adapter2", "adapter3")
_TYPES = ("as-model", "fp16", "bf16", "fp32")


def bake_job() -> ModelJob:
    """Bakes of up to three adapters."""
    return ModelJob("Bake adapters into a model", "baking", _lines(), _read, _tell)


def _read(values: Mapping[str, str]) -> Asked:
    model = str(path_of(values, "model"))
    adapters = [str(Path(said).expanduser()) for name in _ADAPTERS if (said := values[name].strip())]
    given = {name: said for name in ("blocks", "dtype") if (said := values[name].strip())}
    verifies = yes_or_no(values, "verify", "verify")
    recipe, out = models.typed_bake(model, adapters, given), path_of(values, "out")

    def make(tell: Progress, *, replaces: bool, is_dry: bool) -> Report:
        return models.bake_adapters(
            recipe, out, tell, replaces=replaces, is_dry=is_dry, verifies=verifies and not is_dry
        )

    return Asked(make, out)


def _tell(screen: Screen[Any], done: Report) -> None:
    tell_lines(screen, f"Baked: {visible(str(done['path']))}", _report(done))


def _report(done: Report) -> list[Text]:
    """What was baked, and whether live and baked adapters do the same."""
    lines = [
        Text(
            f" {visible(each['adapter'])} at {visible(str(each['ratio']))}: {counted(each['modules'], 'module')}"
        )
        for each in done["adapters"]
    ]
    baked, copied = f"{done['baked']:,} tensors baked", f"{done['copied']:,} copied"
    lines.append(Text(f" {baked}, {copied}, {bytes_in_words(done['bytes'])}"))
    if (found := done["verified"]) is not None:
        word, style = ("equal within rounding", "") if found["holds"] else ("NOT equal", meanings.MISTAKE)
        layers = counted(len(found["layers"]), "layer")
        said = f" {layers}, live and baked {word}: largest difference {found['largest']:.2g}"
        lines.append(Text(said, style))
    return lines


def _lines() -> tuple[FormLine, ...]:
    ratio = "a file, or FILE@RATIO: mine.safetensors@0.8, or by part and block @unet=0.8,text=0.5,OUT*=1"
    return (
        FormLine("model", "model", "", "a single file or a diffusers folder of SD1, SD2 or SDXL", paths()),
        FormLine("adapter", "adapter", "", ratio, paths()),
        FormLine("adapter2", "adapter", "", ratio, paths()),
        FormLine("adapter3", "adapter", "", ratio, paths()),
        FormLine(
            "blocks",
            "blocks",
            "",
            "a factor for each block on top, some by name (OUT*=0), or a file",
            paths(),
        ),
        FormLine("dtype", "stored as", "", "empty: as the model has each", words_of(_TYPES)),
        FormLine(
            "verify", "verify", "no", "compare every layer with base and adapters", words_of(("no", "yes"))
        ),
        FormLine("out", "result", "", "a .safetensors file; of a folder a folder as well", paths()),
    )
