"""Completion: what may stand where the cursor is, and that bash, zsh and fish put it in so that it means just that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
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
        ("frieze tag re", ["relate", "remove", "rename"]),
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
        ("frieze --pictures si", ["sixel"]),
        ("frieze --pictures=no", ["--pictures=none"]),
        ("frieze --pic", ["--pictures"]),
        ("frieze --theme li", ["light"]),
        ("frieze --pictures none fo", []),
        ("frieze facets --by rat", ["ratio"]),
        ("frieze subset add x --crop f", ["face"]),
        ("frieze import x --layout kohya-j", ["kohya-json"]),
        ("frieze tag derive '' y", ["year"]),
        ("frieze freeze x --only fo", ["foxes"]),
        ("frieze tag list --group ha", ["hair"]),
        ("frieze model merge a b --method sl", ["slerp"]),
        ("frieze model merge a b --recipe ha", ["half"]),
        ("frieze model merge a b --dtype as", ["as-first"]),
        ("frieze model bake a b --dtype as", ["as-model"]),
        ("frieze model join a b --dtype ", ["fp16", "bf16", "fp32"]),
        ("frieze model convert a --dtype=b", ["--dtype=bf16"]),
        ("frieze model convert a --ema ", ["drop", "keep", "use"]),
        ("frieze model convert a --style d", ["diffusers"]),
        ("frieze model extract a b --kind lo", ["lora", "locon", "lokr"]),
        ("frieze model resize a --dtype f", ["fp16", "fp32"]),
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


@pytest.mark.parametrize("line", ["frieze nope ", "frieze tag nope ", "frieze ls 'a\\", "frieze ls a:b:"])
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


# What each shell is asked, with the line that stands before the cursor as its argument; it prints what it would put in.
ASKED = {
    "bash": """
source "$0"; COMP_LINE=$1; COMP_POINT=${#COMP_LINE}; COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
_frieze frieze 2>/dev/null; printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { } ; compadd() { print -rl -- "${(@P)@[-1]}" }
source "$0"; words=("${(@z)1}"); CURRENT=$#words; _frieze
""",
    "fish": "source $argv[1]; complete --do-complete $argv[2]",
}
PRINTED = {
    "bash": ["bash", "--norc", "-c"],
    "zsh": ["zsh", "-f", "-c"],
    "fish": ["fish", "--no-config", "-c"],
}


@pytest.fixture
def ask_shell(home: Path, tmp_path: Path) -> Callable[[str, str], list[str]]:
    """What a real shell puts in behind a line, with the `frieze` of this checkout; skipped where there is no such."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "frieze"
    program.write_text(f"#!{sys.executable}\nfrom curator.cli.main import main\nmain()\n")
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
    }

    def ask(shell: str, line: str) -> list[str]:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        script = tmp_path / "script"
        script.write_text(SCRIPTS[shell])
        command = [*PRINTED[shell], ASKED[shell], str(script), line]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [each.partition("\t")[0] for each in done.stdout.splitlines()]

    return ask


@pytest.mark.parametrize(
    ("before", "typed", "put_in", "words"),
    [
        ("frieze subset rem", "rem", "remove", ["subset", "remove"]),
        ("frieze ls mark:ke", "ke", "keep", ["ls", "mark:keep"]),
        ("frieze ls 'fox anim", "fox anim", "fox animal", ["ls", "fox animal"]),
        ("frieze tag add fox sab", "sab", r"saber\ \(fate\)", ["tag", "add", "fox", "saber (fate)"]),
        ("frieze tag add fox it", "it", r"it\'s", ["tag", "add", "fox", "it's"]),
        ("frieze tag add fox bac", "bac", r"back\\slash", ["tag", "add", "fox", "back\\slash"]),
        (r"frieze tag add fox \$", r"\$", r"\$\(touch\ pwned\)", ["tag", "add", "fox", "$(touch pwned)"]),
        ('frieze tag add fox "$', "$", r"\$(touch pwned)", ["tag", "add", "fox", "$(touch pwned)"]),
    ],
)
def test_bash_puts_in_what_means_the_word_and_nothing_more(
    ask_shell: Callable[[str, str], list[str]],
    home: Path,
    before: str,
    typed: str,
    put_in: str,
    words: list[str],
) -> None:
    assert ask_shell("bash", before) == [put_in]
    line = before.removesuffix(typed) + put_in
    line += next((mark for mark in "'\"" if before.replace(f"\\{mark}", "").count(mark) % 2), "")
    shown = subprocess.run(
        ["bash", "-c", f"frieze() {{ printf '%s\\n' \"$@\"; }}; {line}"],
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.splitlines() == words
    assert not list(home.rglob("pwned"))


@pytest.mark.parametrize("shell", ["zsh", "fish"])  # which quote what they are told themselves
@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("frieze subset rem", "remove"),
        ("frieze ls mark:ke", "mark:keep"),
        ("frieze ls wid", "width:"),
        ("frieze tag add fox sab", "saber (fate)"),
        ("frieze tag add fox bac", "back\\slash"),
        (r"frieze tag add fox \$", "$(touch pwned)"),
    ],
)
def test_zsh_and_fish_are_told_the_word_itself(
    ask_shell: Callable[[str, str], list[str]], home: Path, shell: str, before: str, told: str
) -> None:
    assert ask_shell(shell, before) == [told]
    assert not list(home.rglob("pwned"))


def test_scripts_have_the_grammar_of_their_shell(tmp_path: Path) -> None:
    for name, script in SCRIPTS.items():
        if shutil.which(name):
            (tmp_path / name).write_text(script)
            done = subprocess.run([name, "-n", str(tmp_path / name)], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), name
