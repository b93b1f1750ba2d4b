"""Baking from the app: adapters put into a model for good, after a look at what that would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rich.text import Text

from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.session.training import models
from curator.tui import meanings
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.at_work import Progress, do_longer, do_writing
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of, yes_or_no
from curator.tui.screens.dialogs.told import tell as tell_lines
from curator.tui.screens.workshop.merging import plan_lines

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.contract.merging.adapters import BakeRecipe

_ADAPTERS = ("adapter", "adapter2", "adapter3")
_TYPES = ("as-model", "fp16", "bf16", "fp32")


class _Asked(NamedTuple):
    """A bake, where it goes, and whether its layers are compared afterwards."""

    recipe: BakeRecipe
    out: Path
    verifies: bool


class Baking:
    """Bakes asked for on `screen`; `made` hears of the result. What was typed last stands in the form again."""

    def __init__(self, screen: Screen[Any], made: Callable[[Path], None]) -> None:
        self._screen, self._made = screen, made
        self._typed: dict[str, str] = {}

    def ask(self, here: Mapping[str, str]) -> None:
        """Ask what is baked into what; `here` goes before what was typed last."""
        typed = {**self._typed, **here}
        lines = [line._replace(value=typed.get(line.name, line.value)) for line in _lines()]

        def begin(asked: object) -> None:
            if asked is not None:
                self._plan(cast("_Asked", asked))

        self._screen.app.push_screen(Form("Bake adapters into a model", lines, self._checked), begin)

    def _checked(self, values: Mapping[str, str]) -> _Asked:
        self._typed = dict(values)
        model = path_of(values, "model")
        adapters = [
            str(Path(values[name].strip()).expanduser()) for name in _ADAPTERS if values[name].strip()
        ]
        given = {name: said for name in ("blocks", "dtype") if (said := values[name].strip())}
        recipe = models.typed_bake(str(model), adapters, given)
        return _Asked(recipe, path_of(values, "out"), yes_or_no(values, "verify", "verify"))

    def _plan(self, asked: _Asked) -> None:
        def look(tell: Progress, replace: bool) -> tuple[dict[str, Any], bool]:
            plan = models.bake_adapters(
                asked.recipe, asked.out, tell, replaces=replace, is_dry=True, verifies=False
            )
            return plan, replace

        def ask(found: tuple[dict[str, Any], bool] | None) -> None:
            if found is not None:
                plan, replace = found
                question = f"Bake into {visible(str(asked.out))}?"
                self._screen.app.push_screen(
                    Proposal(question, plan_lines(plan)),
                    lambda yes: self._bake(asked, replace) if yes else None,
                )

        do_writing(self._screen, "checking the bake", look, ask)

    def _bake(self, asked: _Asked, replace: bool) -> None:
        def told(done: dict[str, Any] | None) -> None:
            if done is not None:
                tell_lines(self._screen, f"Baked: {visible(str(done['path']))}", _report(done))
                self._made(asked.out)

        def bake(tell: Progress) -> dict[str, Any]:
            return models.bake_adapters(
                asked.recipe, asked.out, tell, replaces=replace, is_dry=False, verifies=asked.verifies
            )

        do_longer(self._screen, "baking", bake, told, bytes_in_words)


def _report(done: Mapping[str, Any]) -> list[Text]:
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
