"""Merging from the app: a form, what the merge would do, and the merge itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rich.text import Text

from curator.contract.merging.recipe import METHODS, merge_presets
from curator.contract.text import visible
from curator.runs.words import bytes_in_words
from curator.session.training import models
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.at_work import Progress, do_longer, do_writing
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, number_of, path_of

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.contract.merging.recipe import MergeRecipe

_NUMBERS = ("ratio", "ratio2")
_TYPES = ("as-first", "fp16", "bf16", "fp32")


class _Asked(NamedTuple):
    """A merge, and where it goes."""

    recipe: MergeRecipe
    out: Path


class Merging:
    """Merges asked for on `screen`; `made` hears of the result. What was typed last stands in the form again."""

    def __init__(self, screen: Screen[Any], made: Callable[[Path], None]) -> None:
        self._screen, self._made = screen, made
        self._typed: dict[str, str] = {}

    def ask(self, here: Mapping[str, str]) -> None:
        """Ask what is merged how; `here` goes before what was typed last."""
        typed = {**self._typed, **here}
        lines = [line._replace(value=typed.get(line.name, line.value)) for line in _lines()]

        def begin(asked: object) -> None:
            if asked is not None:
                self._plan(cast("_Asked", asked))

        self._screen.app.push_screen(Form("Merge models", lines, self._checked), begin)

    def _checked(self, values: Mapping[str, str]) -> _Asked:
        self._typed = dict(values)
        said = {name: value.strip() for name, value in values.items() if value.strip()}
        given: dict[str, Any] = {
            name: said[name] for name in ("method", "blocks", "blocks2", "dtype") if name in said
        }
        given |= {name: number_of(values, name, name) for name in _NUMBERS if name in said}
        chosen = [str(Path(said[name]).expanduser()) for name in ("a", "b", "c") if name in said]
        return _Asked(models.typed_merge(said.get("recipe"), chosen, given, {}), path_of(values, "out"))

    def _plan(self, asked: _Asked) -> None:
        """Say what it would be, and ask whether to do it."""

        def look(tell: Progress, replace: bool) -> tuple[dict[str, Any], bool]:
            return models.merge_models(asked.recipe, asked.out, tell, replaces=replace, is_dry=True), replace

        def ask(found: tuple[dict[str, Any], bool] | None) -> None:
            if found is not None:
                plan, replace = found
                question = f"Merge into {visible(str(asked.out))}?"
                self._screen.app.push_screen(
                    Proposal(question, plan_lines(plan)),
                    lambda yes: self._merge(asked, replace) if yes else None,
                )

        do_writing(self._screen, "checking the merge", look, ask)

    def _merge(self, asked: _Asked, replace: bool) -> None:
        def told(done: dict[str, Any] | None) -> None:
            if done is not None:
                what = f"{done['merged']:,} tensors merged, {done['copied']:,} copied, {bytes_in_words(done['bytes'])}"
                self._screen.notify(f"{visible(str(done['path']))}: {what}", title="Merged", markup=False)
                self._made(asked.out)

        def merge(tell: Progress) -> dict[str, Any]:
            return models.merge_models(asked.recipe, asked.out, tell, replaces=replace, is_dry=False)

        do_longer(self._screen, "merging", merge, told, bytes_in_words)


def plan_lines(plan: Mapping[str, Any]) -> list[Text]:
    """The recipe of a merge or a bake, and what is doubtful in it."""
    lines = [Text(f" {visible(line)}") for line in plan["toml"].rstrip("\n").split("\n")]
    for doubt in plan["doubts"]:
        lines += [Text(), Text(f" {visible(doubt['what'])}", "bold"), Text(f"   {visible(doubt['hint'])}")]
    return lines


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
        FormLine("dtype", "stored as", "", "empty: as A has each", words_of(_TYPES)),
        FormLine("out", "result", "", "a .safetensors file; where A is a folder, a folder as well", paths()),
    )  # fmt: skip
