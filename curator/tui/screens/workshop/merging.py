"""Merging from the app: the form of a merge, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.merging.recipe import METHODS, merge_presets
from curator.contract.text import visible
from curator.runs.words import bytes_in_words
from curator.session.training import models
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.questions import FormLine, number_of, path_of, whole_number_of
from curator.tui.screens.workshop.model_job import Asked, ModelJob, Report

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.tui.screens.dialogs.at_work import Progress

_TEXTS = ("method", "blocks", "blocks2", "dtype")
_NUMBERS = ("ratio", "ratio2", "density", "drop", "spread")
_TYPES = ("as-first", "fp16", "bf16", "fp32")


def merge_job() -> ModelJob:
    """Merges of two or three models."""
    return ModelJob("Merge models", "merging", _lines(), _read, _tell)


def _read(values: Mapping[str, str]) -> Asked:
    said = {name: value.strip() for name, value in values.items() if value.strip()}
    given: dict[str, Any] = {name: said[name] for name in _TEXTS if name in said}
    given |= {name: number_of(values, name, name) for name in _NUMBERS if name in said}
    if "seed" in said:
        given["seed"] = whole_number_of(values, "seed", "seed")
    chosen = [str(Path(said[name]).expanduser()) for name in ("a", "b", "c") if name in said]
    recipe, out = models.typed_merge(said.get("recipe"), chosen, given, {}), path_of(values, "out")

    def make(tell: Progress, *, replaces: bool, is_dry: bool) -> Report:
        return models.merge_models(recipe, out, tell, replaces=replaces, is_dry=is_dry)

    return Asked(make, out)


def _tell(screen: Screen[Any], done: Report) -> None:
    what = f"{done['merged']:,} tensors merged, {done['copied']:,} copied, {bytes_in_words(done['bytes'])}"
    screen.notify(f"{visible(str(done['path']))}: {what}", title="Merged", markup=False)


def _lines() -> tuple[FormLine, ...]:
    return (
        FormLine("a", "A", "", "the first model: the result has its tensors", paths()),
        FormLine("b", "B", "", "what comes in", paths()),
        FormLine(
            "c", "C", "", "for methods of three; of ties, dare, della and model-stock the last is the base", paths()
        ),
        FormLine("recipe", "recipe", "", "a merge in TOML, or one of these; the lines below go over it",
                 words_of(merge_presets())),
        FormLine("method", "method", "", "weighted-sum unless the recipe says otherwise", words_of(METHODS)),
        FormLine("ratio", "ratio", "", "how much comes in, 0 to 1 as a rule; empty: the method's own"),
        FormLine("ratio2", "second ratio", "", "how much of C, for triple and sum-twice; of similarity its share"),
        FormLine("blocks", "blocks", "", "a ratio for each block, some by name (IN00=1,OUT*=0), or a file", paths()),
        FormLine("blocks2", "second blocks", "", "the same for the second ratio", paths()),
        FormLine("density", "density", "", "of ties: the share of the largest changes that is kept; empty: 0.2"),
        FormLine("drop", "drop", "", "of dare and della: the share of changes left out; empty: 0.9, 0.7"),
        FormLine("spread", "spread", "", "of della: how much drop differs by size; empty: 0.2"),
        FormLine("seed", "seed", "", "of the draws of dare and della; empty: 0"),
        FormLine("dtype", "stored as", "", "empty: as A has each", words_of(_TYPES)),
        FormLine("out", "result", "", "a .safetensors file; where A is a folder, a folder as well", paths()),
    )  # fmt: skip
