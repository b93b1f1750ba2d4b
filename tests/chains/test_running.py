"""Runs of chains: what is done stays done, what changed is run again with what builds on it, what failed says why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.chains import record, running
from curator.chains.chain_file import read_chain
from curator.chains.record import PlannedStep, missing_inputs, planned, record_of
from curator.chains.running import run_chain
from curator.contract.errors import UserError

PROGRAM = """
import sys, time
from pathlib import Path
verb, *rest = sys.argv[1:]
with open("ran.txt", "a") as file: print(verb, *rest, file=file)
if verb == "copy": Path(rest[1]).write_text(Path(rest[0]).read_text())
if verb == "say": print(rest[0]); print("about", rest[0], file=sys.stderr)
if verb == "fail":
    print("the \\x1b[31mdisk\\x1b[0m is full"); sys.exit(3)
if verb == "wait":
    Path("waits").touch()
    while not Path("go").exists(): time.sleep(0.01)
"""
CHAIN = """
[values]
end = "b.txt"
[[steps]]
name = "first"
run = "copy a.txt {end}"
reads = ["a.txt"]
writes = ["{end}"]
[[steps]]
name = "second"
run = "note two"
[[steps]]
name = "other"
run = "note three"
after = ["first"]
[[steps]]
name = "apart"
run = "note four"
after = []
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "c.toml").write_text(CHAIN)
    monkeypatch.setattr(running, "COMMAND", (sys.executable, "program.py"))
    return tmp_path


def run(home: Path, *sets: str, until: str = "") -> list[str]:
    """The lines of the commands that were run."""
    (home / "ran.txt").unlink(missing_ok=True)
    chain = read_chain(home / "c.toml", sets)
    try:
        run_chain(chain, record_of(chain), lambda step, what: None, lambda line: None, until)
    finally:
        ran = (home / "ran.txt").read_text().splitlines() if (home / "ran.txt").exists() else []
    return ran


def statuses(home: Path, *sets: str) -> dict[str, str]:
    chain = read_chain(home / "c.toml", sets)
    plan: list[PlannedStep] = planned(chain, record_of(chain))
    return {now.step.name: f"{now.status} {now.why}".strip() for now in plan}


def test_what_is_done_stays_done(home: Path) -> None:
    """S094."""
    assert set(statuses(home).values()) == {"to run"}
    assert run(home) == ["copy a.txt b.txt", "note two", "note three", "note four"]
    assert run(home) == []
    assert set(statuses(home).values()) == {"done"}


def test_a_step_that_changed_is_run_again_with_what_builds_on_it(home: Path) -> None:
    run(home)
    assert statuses(home, "end=d.txt") == {
        "first": "changed its command changed",
        "second": "changed first is run before",
        "other": "changed first is run before",
        "apart": "done",
    }
    heard: list[str] = []
    chain = read_chain(home / "c.toml", ["end=d.txt"])
    count = run_chain(
        chain, record_of(chain), lambda now, what: heard.append(f"{what} {now.step.name}"), lambda line: None
    )
    assert count == 3
    assert heard == [  # all that is run again is said before anything is run
        *("again first", "again second", "again other"),
        *("begins first", "begins second", "begins other", "done apart"),
    ]
    assert (home / "ran.txt").read_text().splitlines()[-3:] == ["copy a.txt d.txt", "note two", "note three"]


def test_an_input_that_changed_and_an_output_that_is_gone_are_seen(home: Path) -> None:
    run(home)
    (home / "a.txt").write_text("b")
    assert statuses(home)["first"] == "changed a.txt changed"
    run(home)
    (home / "b.txt").unlink()
    assert statuses(home)["first"] == "changed b.txt is gone"
    assert run(home) == ["copy a.txt b.txt", "note two", "note three"]


def test_a_step_run_again_alone_makes_what_builds_on_it_run_later(home: Path) -> None:
    run(home)
    (home / "a.txt").write_text("b")
    assert run(home, until="first") == ["copy a.txt b.txt"]
    assert statuses(home)["second"] == "changed a step it builds on was run again"


def test_a_failure_says_why_and_the_next_run_goes_on_there(home: Path) -> None:
    text = CHAIN.replace("note two", "fail two")
    (home / "c.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        run(home)
    assert str(caught.value.what) == r"the step second ended with code 3: the \x1b[31mdisk\x1b[0m is full"
    assert statuses(home)["second"] == "failed it ended with code 3"
    (home / "c.toml").write_text(CHAIN)
    assert run(home) == ["note two", "note three", "note four"]


@pytest.mark.parametrize("make", [lambda path: None, os.mkfifo, lambda path: path.symlink_to(path)])
def test_an_input_that_is_no_file_is_a_sentence(home: Path, make: Callable[[Path], None]) -> None:
    (home / "a.txt").unlink()
    make(home / "a.txt")
    with pytest.raises(UserError, match=r"a\.txt"):
        run(home)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_a_sentence(home: Path) -> None:
    home.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written to"):
        run(home)
    home.chmod(0o700)


def test_a_file_in_the_records_place_is_a_sentence(home: Path) -> None:
    (home / "chains").write_text("")
    with pytest.raises(UserError, match=r"cannot be written to|is damaged"):
        run(home)


def test_an_output_that_was_not_written_is_a_failure(home: Path) -> None:
    (home / "c.toml").write_text(CHAIN.replace('writes = ["{end}"]', 'writes = ["{end}", "none.txt"]'))
    with pytest.raises(UserError, match=r"was to write none\.txt, and did not"):
        run(home)
    assert statuses(home)["first"] == "failed it ended with code 1"


def test_a_chain_that_is_killed_is_held_by_its_step_and_gone_on_with(home: Path) -> None:
    (home / "c.toml").write_text("[[steps]]\nname = 'w'\nrun = 'wait a'\nresume = 'note on'\n")
    program = (
        "import sys; from pathlib import Path; from curator.chains import running; "
        "from curator.chains.chain_file import read_chain; from curator.chains.record import record_of; "
        "running.COMMAND = (sys.executable, 'program.py'); chain = read_chain(Path('c.toml')); "
        "running.run_chain(chain, record_of(chain), lambda *_: None, lambda _: None)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program], cwd=home)
    until((home / "waits").exists)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    with pytest.raises(UserError, match="the chain c is running"):
        run(home)
    (home / "go").touch()
    until(lambda: not _is_held(home))
    assert statuses(home)["w"] == "broken off it was broken off"
    assert run(home) == ["note on"]
    assert statuses(home)["w"] == "done"


def _is_held(home: Path) -> bool:
    try:
        with record_of(read_chain(home / "c.toml")).hold():
            return False
    except UserError:
        return True


def until(condition: object) -> None:
    deadline = time.monotonic() + 300
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_damaged_record_is_a_sentence(home: Path) -> None:
    run(home)
    record_of(read_chain(home / "c.toml")).path.write_text("[]")
    with pytest.raises(UserError, match="is damaged"):
        run(home)


def test_what_a_step_prints_is_kept_as_behind_an_arrow(home: Path) -> None:
    """Only what goes to stdout, only of a step that ends well; the rest is told and logged."""
    (home / "c.toml").write_text("[[steps]]\nname = 's'\nrun = 'say one'\nprints = 'out/said.txt'\n")
    assert run(home) == ["say one"]
    assert (home / "out" / "said.txt").read_text() == "one\n"
    assert (home / "chains" / "c" / "s.log").read_text() == "about one\n"
    (home / "c.toml").write_text("[[steps]]\nname = 's'\nrun = 'fail one'\nprints = 'out/said.txt'\n")
    with pytest.raises(UserError, match="the step s ended with code 3"):
        run(home)
    assert (home / "out" / "said.txt").read_text() == "one\n"
    (home / "out" / "said.txt").unlink()
    (home / "c.toml").write_text("[[steps]]\nname = 's'\nrun = 'say one'\nprints = 'out/said.txt'\n")
    assert statuses(home)["s"] == "changed its command changed"
    assert run(home) == ["say one"]
    (home / "out" / "said.txt").unlink()
    assert statuses(home)["s"] == "changed out/said.txt is gone"


def test_the_plan_names_what_is_not_there_and_nothing_writes(home: Path) -> None:
    (home / "c.toml").write_text(
        CHAIN.replace(
            'run = "note two"', "run = \"note two\"\nreads = ['b.txt', 'made/x', 'model']\nwrites = ['made']"
        )
        + "[[steps]]\nname = 'last'\nrun = 'note five'\nreads = ['made/x']\n"
    )
    chain = read_chain(home / "c.toml")
    assert statuses(home)["second"] == "to run made/x is not there yet"
    assert missing_inputs(chain) == ["made/x", "model"]


def test_what_no_step_writes_is_looked_at_once_in_a_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of millions of images takes as long as it takes, but once."""
    looked: list[str] = []
    content = record.content_of
    monkeypatch.setattr(record, "content_of", lambda path: looked.append(path.name) or content(path))
    (home / "c.toml").write_text(CHAIN + "reads = ['b.txt']\n")
    run(home)
    assert looked.count("a.txt") == 1
    assert looked.count("b.txt") > 1
