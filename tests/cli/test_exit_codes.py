"""Exit codes a script branches on: the answer is no, nothing to take back, no stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import ExitCode

Frieze = Callable[..., Any]


def test_the_numbers_stay_what_scripts_were_promised() -> None:
    assert {each.name: int(each) for each in ExitCode} == {
        "DONE": 0, "NO": 1, "MISTAKE": 2, "RUN_FAILED": 3, "RUN_STOPPED": 4, "BUG": 70, "INTERRUPTED": 130,
    }  # fmt: skip


@pytest.mark.usefixtures("collection")
def test_a_loop_of_undo_ends(frieze: Frieze) -> None:
    assert frieze("tag", "add", "fox", "night").code == 0
    assert frieze("mark", "keep", "owl").code == 0
    codes = [frieze("undo").code for _ in range(3)]
    assert codes == [0, 0, 1]
    assert [frieze("redo").code for _ in range(3)] == [0, 0, 1]


@pytest.mark.usefixtures("collection")
def test_what_is_taken_back_already_is_no_and_what_is_unknown_a_mistake(frieze: Frieze) -> None:
    assert frieze("tag", "add", "fox", "night").code == 0
    change = frieze("history", "--json").json[0]["id"]
    assert frieze("redo", change).code == 1
    assert frieze("undo", change).code == 0
    for words in (("undo", change), ("undo", change, "--to")):
        assert frieze(*words).code == 1
    for words in (("undo", 999), ("undo", 999, "--to"), ("redo", 999), ("redo", 999, "--to")):
        done = frieze(*words)
        assert (done.code, "there is no change 999" in done.err) == (2, True), words


def test_manifests_that_differ_are_a_no(frozen: Path, frieze: Frieze) -> None:
    assert frieze("manifest", "diff", "set", "set").code == 0
    assert frieze("subset", "set", "foxes", "--repeats", 9).code == 0
    assert frieze("freeze", "other").code == 0
    for more in ((), ("--json",)):
        done = frieze("manifest", "diff", "set", "other", *more)
        assert (done.code, done.err) == (1, "")
        assert done.out


@pytest.mark.usefixtures("collection")
def test_a_word_that_cannot_be_used_is_a_no(frieze: Frieze) -> None:
    assert frieze("tag", "check-identifier", "fox").code == 1


def _shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = f'frieze() {{ "{sys.executable}" -m curator "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", program], cwd=folder, capture_output=True, text=True, check=False)


def test_without_stdout_nothing_is_done_and_a_sentence_told(collection: Path) -> None:
    done = _shell("frieze tag add fox night >&-", collection)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "frieze: there is no stdout to write to")
    assert _shell("frieze ls night --count", collection).stdout == "0\n"


def test_without_stdin_and_stderr_a_command_works(collection: Path) -> None:
    done = _shell("frieze tag add fox night <&- 2>&-; frieze ls night --count", collection)
    assert done.stdout.splitlines()[-1] == "1"


def test_forced_colour_makes_no_terminal_of_a_pipe(collection: Path) -> None:
    environment = os.environ | {"FORCE_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "curator", "scan", "--full"],
        cwd=collection, capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert "\x1b" not in done.stderr


def test_the_page_for_scripts_has_every_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scripting.md").read_text("utf-8")
    rows = [
        line.split(" | ")[:2] for line in page.splitlines() if line.startswith("| ") and line[2].isdigit()
    ]
    assert rows == [[f"| {each:d}", each.meaning] for each in ExitCode]
