"""How command lines are read and how they end: exit codes, the two lines, nothing else on stdout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import typer

from curator.cli import app_command, main
from curator.cli.shared.boundary import exit_code_of
from curator.contract.errors import UserError
from curator.session.session import Session

FRIEZE = [sys.executable, "-m", "curator"]


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FRIEZE, *words], capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL
    )


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name, command in main.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert command.help in done.stdout


@pytest.mark.parametrize("word", sorted(main.COMMANDS))
def test_every_command_has_help_and_its_line_is_true(word: str) -> None:
    command = main.COMMANDS[word]
    app = getattr(import_module(f"curator.cli.{command.module}"), command.app)
    built = typer.main.get_command(app)
    assert built.help
    assert built.help.strip().splitlines()[0][:8].strip().split()[0] in command.help or command.help
    for verb in [built, *getattr(built, "commands", {}).values()]:
        assert verb.help, f"{word} {verb.name}"
        for parameter in verb.params:
            text = getattr(parameter, "help", None)
            assert parameter.name == "help" or text, f"{word} {verb.name} {parameter.name} has no help"
            assert "\n" not in (text or "")


def test_the_way_to_show_images_is_checked_before_the_app_opens(tmp_path: Path) -> None:
    for words in (("--pictures", "kity"), ("--pictures=kity", "."), (".", "--pictures", "kity")):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, "no way 'kity' to show images" in done.stderr) == (2, True)
        assert "kitty" in done.stderr.splitlines()[1]
    assert "no way ''" in run("--pictures", cwd=tmp_path).stderr
    done = run(".", "--pictures", "kitty", cwd=tmp_path)
    assert (done.returncode, "there is no collection" in done.stderr) == (2, True)


def test_a_theme_is_one_that_there_is(tmp_path: Path) -> None:
    done = run(".", "--theme", "drak", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no theme 'drak'" in done.stderr
    assert "'dark'" in done.stderr
    done = run("--theme=dark", "--pictures", "none", cwd=tmp_path)
    assert (done.returncode, "there is no collection" in done.stderr) == (2, True)


def test_a_mistake_is_two_lines_on_stderr_and_exit_code_2(tmp_path: Path) -> None:
    done = run("ls", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    what, hint = done.stderr.splitlines()
    assert what.startswith("frieze: ")
    assert hint.startswith("  hint: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["scna"], "did you mean 'scan'"),
        (["--collection", "x"], "see 'frieze --help'"),
        (["ls", "--bogus"], "see 'frieze ls --help'"),
        (["tag"], "known: accept, add"),
        (["tag", "ad"], "did you mean 'add'"),
        (["ls", "--limit", "x"], "see 'frieze ls --help'"),
        (["buckets", "--size", "12x"], "write 512 or 768x512"),
        (["/nowhere/at/all"], "see 'frieze --help'"),
    ],
)
def test_usage_mistakes_end_alike(words: list[str], told: str, tmp_path: Path) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert done.stdout == ""


def test_control_characters_in_a_mistake_are_shown(tmp_path: Path) -> None:
    done = run("\x1b[31mred", cwd=tmp_path)
    assert "\\x1b[31mred" in done.stderr
    assert "\x1b" not in done.stderr


def test_without_a_terminal_the_app_says_so(tmp_path: Path) -> None:
    """What there is to do first comes first: images, an index of them, a terminal."""
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "no collection in" in done.stderr
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.PNG").touch()
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "but no index" in done.stderr
    assert not (tmp_path / "frieze.db").exists()
    Session.create(tmp_path).close()
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


def test_a_terminal_of_40x9_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((40, 9)))
    with pytest.raises(UserError, match="40x9"):
        app_command.open_app(".")


def test_a_reader_that_goes_away_is_no_mistake(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*FRIEZE, "recipe", "fields", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 0


def _interrupt() -> int:
    raise KeyboardInterrupt


def _break() -> int:
    raise ZeroDivisionError("how odd")


def test_an_interrupt_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(_interrupt) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("module", ["curator.cli.main", "curator.cli.shared.boundary", "typer"])
@pytest.mark.parametrize(
    "entry", [FRIEZE, [sys.executable, "-c", "from curator.__main__ import main; main()"]]
)
def test_an_interrupt_while_modules_are_imported_is_no_traceback(
    entry: list[str], module: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
    )
    searched = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [*entry, "help", "tag"], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": searched}
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_bug_leaves_its_traceback_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(_break) == 70
    (line,) = capsys.readouterr().err.splitlines()
    (file,) = (Path(os.environ["XDG_STATE_HOME"]) / "frieze").glob("crash-*.txt")
    assert str(file) in line
    assert "ZeroDivisionError: how odd" in file.read_text()


def test_ctrl_c_while_scanning_leaves_a_whole_index(pictures: Path, frieze: Callable[..., object]) -> None:
    for number in range(400):
        (pictures / f"copy{number}.png").write_bytes((pictures / "fox.png").read_bytes() + b"%d" % number)
    process = subprocess.Popen([*FRIEZE, "scan", str(pictures)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while not (pictures / "frieze.db").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode in (0, 130)
    if process.returncode == 130:
        assert "interrupted" in err
        assert "Traceback" not in err
    done = run("verify", cwd=pictures)
    assert done.returncode == 0, done.stderr
