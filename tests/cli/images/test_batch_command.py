"""`frieze batch`: commands read from stdin, in one process; atomic ones are one undo step or nothing."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.cli.command_tree import commands
from curator.cli.images.batch_command import ATOMIC
from curator.session.session import Session
from tests.cli.conftest import Done, Frieze

Batch = Callable[..., Done]
EDITS = """
# a comment, and an empty line

frieze tag add '' 'two words' --yes
mark keep fox
tag rename '' animal beast --yes
subset add foxes fox
tag remove owl 'two words'
"""


@pytest.fixture
def batch(collection: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Batch:
    def run(text: str, *options: str) -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return frieze("batch", *options)

    return run


def state(frieze: Frieze) -> tuple[str, str, str]:
    """Everything the edits above can change."""
    listed = frieze("ls", "--json").out
    return listed, frieze("subset", "list", "--json").out, frieze("tag", "list", "--json").out


def test_commands_are_done_one_after_the_other(batch: Batch, frieze: Frieze) -> None:
    done = batch("ls fox --count\ntag add fox 'it''s' \nls 'tag:its' --count\n")
    assert (done.code, done.err) == (0, "")
    assert done.lines == ["1", "1 of 1 image changed: add 'its'", "1"]
    assert frieze("undo").code == 0


def test_a_file_of_commands_may_begin_with_a_mark_of_its_encoding(batch: Batch) -> None:
    assert batch("\ufeffls fox --count\n").lines == ["1"]


def test_a_batch_without_end_is_refused_at_its_first_mistake(collection: Path) -> None:
    """Lines that cannot be done are not gathered, nor is what has no lines."""
    for endless in ("yes", "cat /dev/zero"):
        done = subprocess.run(
            ["bash", "-c", f'{endless} | "{sys.executable}" -m curator batch'],
            cwd=collection, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("frieze: line 1: ")
        assert len(done.stderr) < 1000


def test_an_atomic_batch_is_one_step_for_undo_and_redo(batch: Batch, frieze: Frieze) -> None:
    before = state(frieze)
    done = batch(EDITS, "--atomic")
    assert (done.code, done.err) == (0, "")
    after = state(frieze)
    assert after != before
    undone = frieze("undo")
    assert undone.code == 0
    assert "undone: add 'two words'; " in undone.out
    assert state(frieze) == before
    assert frieze("undo").code == 1, "nothing is left to undo"
    assert frieze("redo").code == 0
    assert state(frieze) == after
    assert frieze("redo").code == 1
    assert frieze("undo").code == 0
    assert state(frieze) == before
    assert frieze("verify").code == 0


def test_each_commit_of_an_atomic_batch_can_be_undone_alone(batch: Batch, frieze: Frieze) -> None:
    before = state(frieze)
    assert batch(EDITS, "--atomic").code == 0
    middle = next(row["id"] for row in frieze("history", "--json").json if "beast" in row["what"])
    assert frieze("undo", middle).code == 0
    assert frieze("ls", "animal", "--count").out == "4\n"
    assert frieze("undo").code == 0  # the others of the batch
    assert state(frieze) == before


def test_edits_before_and_after_an_atomic_batch_are_steps_of_their_own(batch: Batch, frieze: Frieze) -> None:
    assert frieze("mark", "reject", "wolf").code == 0
    assert batch(EDITS, "--atomic").code == 0
    assert frieze("mark", "keep", "owl").code == 0
    assert frieze("undo").code == 0
    assert frieze("ls", "beast", "--count").out == "4\n"
    assert frieze("undo").code == 0
    assert frieze("ls", "animal", "--count").out == "4\n"
    assert frieze("ls", "mark:reject", "--count").out == "1\n"
    assert frieze("undo").code == 0
    assert frieze("ls", "mark:reject", "--count").out == "0\n"


@pytest.mark.parametrize("last", ["subset remove none", "ls 'width:'", "tag add '' x"])
def test_an_atomic_batch_that_fails_changes_nothing(batch: Batch, frieze: Frieze, last: str) -> None:
    before, history = state(frieze), frieze("history", "--json").out
    done = batch(f"{EDITS}{last}\n", "--atomic")
    assert done.code == 2
    assert done.err.startswith("frieze: line 9: nothing was changed: ")
    assert (state(frieze), frieze("history", "--json").out) == (before, history)
    assert frieze("verify").code == 0


def test_a_batch_stops_at_the_first_command_that_fails(batch: Batch, frieze: Frieze) -> None:
    text = "mark keep fox\nundo\nundo\nmark keep owl\n"
    done = batch(text)
    assert done.code == 1
    assert "line 3: there is nothing to undo" in done.err
    assert frieze("ls", "mark:keep", "--count").out == "0\n"


def test_keep_going_tells_every_line_that_fails(batch: Batch, frieze: Frieze) -> None:
    done = batch("undo\nmark keep fox\nsubset remove none\nmark keep owl\n", "--keep-going")
    assert done.code == 1  # of the first that failed
    assert [line[:15] for line in done.err.splitlines() if line.startswith("frieze")] == [
        "frieze: line 1:",
        "frieze: line 3:",
    ]
    assert frieze("ls", "mark:keep", "--count").out == "2\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nope", "there is no command 'nope'"),
        (".", "there is no command '.'"),
        ("frieze", "there is no command ''"),
        ("batch", "'batch' cannot be in a batch"),
        ("demo", "'demo' cannot be in a batch"),
        ("train set", "would wait"),
        ("tag add fox 'open", "no closing quotation"),
        ("tag add fox a\0b --yes", "no text of a command"),
        ("x" * (1 << 20), "longer than 1,048,576 characters"),
    ],
)
def test_what_cannot_be_in_a_batch_is_refused_before_anything_is_done(
    batch: Batch, frieze: Frieze, line: str, told: str
) -> None:
    done = batch(f"mark keep fox\n\n{line}\n")
    assert done.code == 2
    assert done.err.startswith("frieze: line 3: ")
    assert told in done.err
    assert frieze("history", "--json").json == []


@pytest.mark.parametrize(
    "line", ["freeze x", "undo", "tag write ''", "scan", "export sqlite x.db", "runs list"]
)
def test_an_atomic_batch_refuses_what_undo_would_not_take_back(batch: Batch, line: str) -> None:
    done = batch(f"{line}\n", "--atomic")
    assert done.code == 2
    assert "cannot be in an atomic batch" in done.err


def test_commands_of_atomic_batches_exist() -> None:
    assert {name for name, _ in commands()} >= ATOMIC


def test_an_atomic_batch_keeps_to_one_collection(
    batch: Batch, frieze: Frieze, tmp_path: Path, pictures: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert frieze("scan", pictures, "--collection", other).code == 0
    done = batch(f"mark keep fox\nmark keep fox --collection {other}\n", "--atomic")
    assert done.code == 2
    assert "one collection" in done.err
    assert frieze("ls", "mark:keep", "--count").out == "0\n"


def test_two_ways_at_once_are_refused(batch: Batch) -> None:
    assert batch("", "--atomic", "--keep-going").code == 2
    assert batch("").code == 0


def test_output_of_commands_comes_in_their_order_through_a_pipe(collection: Path) -> None:
    text = "ls fox --count\nsubset remove none\nls owl --json\n"
    done = subprocess.run(
        [sys.executable, "-m", "curator", "batch", "--keep-going"],
        cwd=collection, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    first, error, hint, *rest = done.stdout.splitlines()
    assert first == "1"
    assert error.startswith("frieze: line 2")
    assert hint.startswith("  hint")
    assert len(json.loads("\n".join(rest))) == 1


def test_a_terminal_is_no_source_of_commands(collection: Path) -> None:
    master, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "curator", "batch"],
        cwd=collection,
        stdin=terminal,
        capture_output=True,
        text=True,
    )
    os.close(master)
    os.close(terminal)
    assert done.returncode == 2
    assert "come from stdin" in done.stderr


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("line", ["batch --atomic", "tag add fox den"])
def test_an_interrupt_after_a_commit_says_that_it_is_made(
    batch: Batch, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """While the session closes, which may take a second: all was done before."""
    close = Session.close
    monkeypatch.setattr(Session, "close", lambda session: (close(session), _interrupted()))
    if line.startswith("batch"):
        done = batch("tag add fox den\nmark keep owl\n", "--atomic")
        told = "2 changes were"
    else:
        done = frieze(*line.split())
        told = "a change was"
    monkeypatch.setattr(Session, "close", close)
    assert done.code == 130
    assert done.err == f"interrupted, but {told} made before: see 'frieze history'; nothing is half-written\n"
    assert frieze("ls", "den", "--count").out == "1\n"
    assert frieze("undo").code == 0
    assert frieze("ls", "den OR mark:keep", "--count").out == "0\n"


def test_an_interrupt_before_the_commit_says_that_nothing_is_made(
    batch: Batch, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.session.training.subsets.Subsets.add", _interrupted)
    done = batch("tag add fox den\nsubset add foxes fox\n", "--atomic")
    assert (done.code, done.err) == (130, "interrupted; nothing is half-written\n")
    assert frieze("history", "--json").json == []
    done = batch("tag add fox den\ntag add owl den\nsubset add foxes fox\n")
    assert done.code == 130
    assert done.err == "line 3: interrupted; nothing is half-written; the 2 before it are done\n"
    monkeypatch.setattr("curator.index.tables.batches.Batches.undo", _interrupted)
    assert frieze("undo").err == "interrupted; nothing is half-written\n"
    assert frieze("ls", "den", "--count").out == "2\n"
