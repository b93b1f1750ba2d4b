"""What is done with a run as a folder: renamed, deleted, its weights copied to a place of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from curator.contract.text import visible
from curator.runs.words import bytes_in_words
from curator.tui.background import write
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.at_work import Progress, do_writing
from curator.tui.screens.dialogs.questions import Confirm, Form, FormLine, path_of
from curator.tui.text.run_words import lost_in_words

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.run_weights import Exported
    from curator.session.training.runs import Runs


class _Wanted(NamedTuple):
    """Which weights are copied, and where to."""

    target: Path
    weights: str


def ask_rename(screen: Screen, runs: Runs, run: RunFolder, renamed: Callable[[str], None]) -> None:
    """Ask for another name; `renamed` gets that of the folder."""

    def check(values: Mapping[str, str]) -> str:
        return runs.rename(run, values["name"].strip()).path.name

    line = FormLine("name", "name", run.info().name, "without a date; weights there are keep their names")
    screen.app.push_screen(
        Form(f"Rename {visible(run.path.name)}", [line], check),
        lambda name: None if name is None else renamed(cast("str", name)),
    )


def ask_delete(screen: Screen, runs: Runs, run: RunFolder, deleted: Callable[[], None]) -> None:
    """Delete a run, once a question that says what is lost is answered with yes."""

    def delete(yes: bool | None) -> None:
        if yes:
            write(screen, lambda: runs.delete(run), lambda _: deleted())

    question = Confirm(f"Delete the run {visible(run.path.name)}?", lost_in_words(runs.belongings(run)))
    screen.app.push_screen(question, delete)


def ask_for_weights(screen: Screen, runs: Runs, run: RunFolder) -> None:
    """Ask which of its weights, and where to, and copy them; in a thread, for the events of a long run are read."""

    def check(values: Mapping[str, str]) -> _Wanted:
        weights = values["weights"].strip()
        runs.weights.of(run, weights)
        return _Wanted(path_of(values, "target"), weights)

    def begin(result: object) -> None:
        if result is None:
            return
        wanted = cast("_Wanted", result)

        def work(tell: Progress, replace: bool) -> Exported:
            return runs.weights.export(run, wanted.target, wanted.weights, tell, replace=replace)

        do_writing(screen, "copying", work, lambda done: _tell(screen, wanted.target, done), bytes_in_words)

    def ask(found: tuple[Path, dict[str, str]]) -> None:
        last, known = found
        hint = f"such as ~/loras/{visible(run.info().name)}.safetensors"
        lines = (
            FormLine("weights", "weights", last.name, "a file of the run, or a step", words_of(known)),
            FormLine("target", "copy to", "", hint, paths()),
        )
        screen.app.push_screen(Form(f"Weights of {visible(run.path.name)}", lines, check), begin)

    write(screen, lambda: (runs.weights.of(run), runs.weights.all(run)), ask)


def _tell(screen: Screen, target: Path, done: Exported | None) -> None:
    if done is not None:
        said = f"{visible(done.weights.name)}, {bytes_in_words(done.bytes)}, as {visible(str(target))}"
        screen.app.notify(said, title="Copied", markup=False)
