"""Completion: what may stand where the cursor is, and that bash, zsh and fish put it in so that it means just that."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.cli.completion.shells import SCRIPTS, answer
from curator.cli.completion.typed_line import read_line
from curator.contract.run.run_folder import RunFolder
from curator.index.changes.edits import AddTags
from curator.session.session import Session
from tests.cli.conftest import Frieze

Complete = Callable[..., list[str]]
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "it's",
    'say "hi"',
    "back\\slash",
    "*",
    "saber (fate)",
]


@pytest.fixture
def home(frozen: Path, frieze: Frieze) -> Path:
    """A collection with a manifest, a run, a saved filter, and tags that a shell would obey."""
    home = frozen.parents[1]
    RunFolder.create(home / "runs", "try", "", frozen, "d" * 64)
    assert frieze("filter", "save", "birds", "owl").code == 0
    with Session.open(home) as session:
        session.edits.apply(
            AddTags((*HOSTILE, "long hair", "two words")), session.images.select("fox").ids.tolist()
        )
    return home


@pytest.fixture
def complete(home: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """What stands behind the words of a line."""
    monkeypatch.chdir(home)

    def ask(line: str, shell: str = "fish", breaks: str = "") -> list[str]:
        monkeypatch.setenv("_FRIEZE_LINE", line)
        monkeypatch.setenv("_FRIEZE_BREAKS", breaks)
        return [each.partition("\t")[0] for each in answer(shell).splitlines()]

    return ask


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("frieze sub", ["subset"]),
        ("frieze help sub", ["subset"]),
        ("frieze help runs wa", ["wait"]),
        ("frieze tag re", ["remove", "rename"]),
        ("frieze ls --co", ["--collection", "--count", "--columns"]),
        ("frieze ls anim", ["animal"]),
        ("frieze ls 'fox -anim", ["fox -animal"]),
        ("frieze ls -anim", ["-animal"]),
        ("frieze ls '(anim", ["(animal"]),
        ("frieze ls long", ["long_hair"]),
        ("frieze ls wid", ["width:"]),
        ("frieze ls mark:", ["mark:keep", "mark:reject", "mark:none"]),
        ("frieze ls format:pn", ["format:png"]),
        ("frieze ls sort:-by", ["sort:-bytes"]),
        ("frieze ls subset:fo", ["subset:foxes"]),
        ("frieze ls saved:", ["saved:birds"]),
        ("frieze ls unt", ["untagged"]),
        ("frieze ls -fox --cou", ["--count"]),
        ("frieze tag add fox anim", ["animal"]),
        ("frieze tag add --at ", ["start", "end"]),
        ("frieze tag rename '' anim", ["animal"]),
        ("frieze mark k", ["keep"]),
        ("frieze subset set fo", ["foxes"]),
        ("frieze subset set foxes --filter anim", ["animal"]),
        ("frieze subset set foxes --filter=anim", ["--filter=animal"]),
        ("frieze filter remove b", ["birds"]),
        ("frieze manifest show s", ["set"]),
        ("frieze recipe show tiny", ["tiny-demo"]),
        ("frieze train set --recipe tiny", ["tiny-demo"]),
        ("frieze train set --set length.st", ["length.steps="]),
        ("frieze runs list --status pau", ["paused"]),
        ("frieze completion z", ["zsh"]),
    ],
)
def test_what_may_stand_there(complete: Complete, line: str, some: list[str]) -> None:
    assert complete(line) == some


def test_runs_are_completed(complete: Complete, home: Path) -> None:
    (run,) = (home / "runs").iterdir()
    assert complete("frieze runs show 2") == complete("frieze train --resume 2") == [run.name]


def test_the_collection_that_is_named_is_asked(
    complete: Complete, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert complete("frieze subset remove ") == []
    assert complete(f"frieze subset remove --collection '{home}' ") == ["foxes", "rest"]


@pytest.mark.parametrize(
    "line", ["frieze nope ", "frieze tag nope ", "frieze ls --nope x ", "frieze ls ((", "frieze ls 'a\\"]
)
def test_a_line_that_means_nothing_is_told_nothing(complete: Complete, line: str) -> None:
    assert complete(line) == []


def test_nothing_is_written_by_asking(complete: Complete, home: Path) -> None:
    before = (home / "frieze.db").read_bytes()
    complete("frieze ls c")
    assert (home / "frieze.db").read_bytes() == before


def test_bash_gets_only_what_stands_behind_its_breaks_and_every_sign_escaped(complete: Complete) -> None:
    breaks = " \t\n\"'@><=;|&(:"
    assert complete("frieze ls mark:k", "bash", breaks) == ["keep"]
    assert complete("frieze ls 'mark:k", "bash", breaks) == ["mark:keep"]
    assert complete("frieze tag add fox sab", "bash", breaks) == ["saber\\ \\(fate\\)"]
    assert complete('frieze tag add fox "sab', "bash", breaks) == ["saber (fate)"]
    assert complete('frieze tag add fox "\\$', "bash", breaks) == ["\\$(touch pwned)"]
    assert complete("frieze tag add fox 'it", "bash", breaks) == []  # no quoting can hold it there


WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_a_line_is_read_as_a_shell_reads_it(words: list[str]) -> None:
    import shlex

    read = read_line(shlex.join(words))
    assert [*read.words, read.last] == words
    assert read.quote == ""


@pytest.mark.parametrize(
    ("line", "words", "last", "quote"),
    [
        ("frieze ", ["frieze"], "", ""),
        ("frieze ls '1girl lo", ["frieze", "ls"], "1girl lo", "'"),
        ('a "b \\" c', ["a"], 'b " c', '"'),
        ("a b\\ c", ["a"], "b c", ""),
        ("a '' ", ["a", ""], "", ""),
    ],
)
def test_the_word_of_the_cursor(line: str, words: list[str], last: str, quote: str) -> None:
    read = read_line(line)
    assert (read.words, read.last, read.quote) == (words, last, quote)


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, command: list[str], home: Path, environment: dict[str, str]) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(home)
            os.execvpe(command[0], command, environment)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {self.seen[-2000:]!r}"
            if select.select([self._terminal], [], [], 0.05)[0]:
                data = os.read(self._terminal, 65536)
                self.seen += data.decode("utf-8", "replace")
                if b"\x1b[c" in data or b"\x1b[0c" in data:  # fish asks what terminal this is
                    os.write(self._terminal, b"\x1b[?62;c")

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


COMMANDS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; source {script}"),
    "fish": (["fish", "--no-config", "-i"], "source {script}"),
}


@pytest.fixture(params=list(COMMANDS))
def shell(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Shell]:
    command, setup = COMMANDS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    programs = tmp_path / "bin"
    programs.mkdir()
    # `frieze` notes what it is called with; what a shell asks it for is answered by the real one.
    (programs / "frieze").write_text(
        f"""#!{sys.executable}
import os, sys
if os.environ.get("_FRIEZE_COMPLETE"):
    from curator.cli.main import main
    main()
with open({str(tmp_path / "called")!r}, "a") as file:
    file.write(repr(sys.argv[1:]) + "\\n")
"""
    )
    (programs / "frieze").chmod(0o755)
    script = tmp_path / "script"
    script.write_text(SCRIPTS[request.param])
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "TERM": "xterm",
        "PS1": "ready> ",
        "LC_ALL": "C.UTF-8",
    }
    opened = Shell(command, home, environment)
    opened.type(setup.format(script=script) + "; echo set''up-done\r")
    opened.until(lambda: "setup-done" in opened.seen)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("frieze subset rem\tfox\t", "['subset', 'remove', 'foxes']"),
        ("frieze ls mark:ke\t", "['ls', 'mark:keep']"),
        ("frieze ls 'fox anim\t", "['ls', 'fox animal']"),
        ("frieze tag add fox sab\t", "['tag', 'add', 'fox', 'saber (fate)']"),
        ("frieze tag add fox '$(tou\t", "['tag', 'add', 'fox', '$(touch pwned)']"),
        ("frieze tag add fox bac\t", "['tag', 'add', 'fox', 'back\\\\slash']"),
    ],
)
def test_a_shell_completes_it(shell: Shell, home: Path, tmp_path: Path, typed: str, called: str) -> None:
    """What is put in means the word and nothing more, however hostile it is."""
    for part in typed.split("\t")[:-1]:
        shell.type(part)
        time.sleep(0.1)
        before = len(shell.seen)
        shell.type("\t")
        shell.until(lambda before=before: len(shell.seen) > before)
        _rest(shell)
    line = "'\r" if typed.count("'") % 2 and not _is_closed(shell) else "\r"
    shell.type(line)
    note = tmp_path / "called"
    shell.until(lambda: note.exists() and note.read_text().endswith("\n"))
    assert note.read_text().strip() == called
    assert not list(home.rglob("pwned"))


def _rest(shell: Shell) -> None:
    """Wait until nothing more comes for a moment."""
    while True:
        before, deadline = len(shell.seen), time.monotonic() + 1.0
        shell.until(lambda deadline=deadline: time.monotonic() > deadline)
        if len(shell.seen) == before:
            return


def _is_closed(shell: Shell) -> bool:
    """Whether the shell has put the closing quote itself."""
    return shell.seen.rstrip(" \x1b[0123456789;?hlmKJCD").endswith("'")


def test_scripts_have_the_grammar_of_their_shell(tmp_path: Path) -> None:
    for name, script in SCRIPTS.items():
        if shutil.which(name):
            (tmp_path / name).write_text(script)
            done = subprocess.run([name, "-n", str(tmp_path / name)], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), name
