"""Words that begin with a dash: options have two, filters may have one, and nothing else is data but behind `--`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from curator.cli import main
from curator.cli.options.arguments import is_filter, options_first
from curator.contract.errors import UserError

Frieze = Callable[..., Any]


def every_command() -> Iterator[tuple[str, Any]]:
    """All commands as they are typed, with what Typer made of them."""
    for word, command in main.COMMANDS.items():
        built: Any = typer.main.get_command(
            getattr(import_module(f"curator.cli.{command.module}"), command.app)
        )
        verbs: dict[str, Any] = getattr(built, "commands", {})
        yield from ((f"{word} {verb}", made) for verb, made in verbs.items())
        if not verbs:
            yield word, built


COMMANDS = dict(every_command())
PLACES = [
    pytest.param(command, at, id=f"{name} {place.metavar}")
    for name, command in COMMANDS.items()
    for at, place in enumerate(p for p in command.params if p.param_type_name == "argument")
]


def names(command: Any) -> list[str]:
    """Of its options."""
    options = (each for each in command.params if each.param_type_name == "option")
    return [name for each in options for name in (*each.opts, *each.secondary_opts)]


def places(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "argument"]


@pytest.mark.parametrize(("command", "at"), PLACES)
@pytest.mark.parametrize("word", ["-foo", "-dry-run", "-n", "-", "—yes", "-5"])
def test_only_a_filter_may_begin_with_a_dash(command: Any, at: int, word: str) -> None:
    before = ["cat"] * at
    if is_filter(places(command)[at]) and word in ("-foo", "-", "-5"):
        assert options_first(command, [*before, word]) == ["--", *before, word]
        return
    if word in names(command):
        assert options_first(command, [*before, word]) == [word, "--", *before]
        return
    with pytest.raises(UserError, match="is no option") as refused:
        options_first(command, [*before, word])
    assert f"-- {word}" in refused.value.hint
    assert options_first(command, [*before, "--", word]) == ["--", *before, word]


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_with_one_dash_is_refused_wherever_it_stands(name: str) -> None:
    command = COMMANDS[name]
    for option in (each for each in (*names(command), "--help") if each.startswith("--")):
        bare = option.removeprefix("--")
        for typed in (f"-{bare}", f"-{bare.replace('-', '')}", f"-{bare.replace('-', '_').upper()}"):
            for line in ([typed], ["cat", typed], [typed, "cat"]):
                with pytest.raises(UserError, match="is no option") as refused:
                    options_first(command, line)
                assert option in refused.value.hint


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_takes_no_other_for_its_value(name: str) -> None:
    command = COMMANDS[name]
    for option in (p for p in command.params if p.param_type_name == "option" and not p.is_flag):
        word = option.opts[0]
        left_out = [
            "" for place in places(command) if word == "--from" and is_filter(place) and place.required
        ]
        for line in ([word], [word, "--json"], [word, "-dry-run"], [word, "--"]):
            with pytest.raises(UserError, match=r"has no value|is no option"):
                options_first(command, line)
        assert options_first(command, [f"{word}=--json"]) == [f"{word}=--json", "--", *left_out]
        assert options_first(command, [word, "-cat"]) == [word, "-cat", "--", *left_out]


def test_the_filters_of_the_grammar() -> None:
    """What the rule knows as filters; a command that takes one says so by its metavar."""
    with_filter = {name for name, each in COMMANDS.items() if any(map(is_filter, places(each)))}
    taking = {name for name, each in COMMANDS.items() if any(p.name == "filter" for p in places(each))}
    assert with_filter == taking
    assert {"ls", "mark", "tag add", "subset add", "filter save", "export sqlite", "captions"} <= with_filter


def test_one_dash_changes_nothing(collection: Path, frieze: Frieze) -> None:
    before = frieze("ls", "--json").json
    for line in (
        ["tag", "add", "fox", "foo", "-dry-run"],
        ["tag", "add", "fox", "foo", "-x"],
        ["tag", "add", "fox", "-foo", "--yes"],
        ["tag", "rename", "", "fox", "-y", "--yes"],
        ["tag", "caption", "", "-f", "--yes"],
        ["mark", "reject", "-dry-run", "--yes"],
        ["mark", "reject", "-y", "--yes"],
        ["tag", "write", "-dry-run"],
        ["subset", "add", "-n", "fox"],
        ["filter", "save", "-y", "fox"],
        ["pick", "--save", "--mark", "reject"],
        ["pick", "--save"],
        ["undo", "-1"],
    ):
        done = frieze(*line)
        assert (done.code, done.out) == (2, ""), line
    assert frieze("ls", "--json").json == before
    assert frieze("subset", "list", "--json").json == frieze("filter", "list", "--json").json == []
    assert "--dry-run" in frieze("mark", "reject", "-dry-run").err


def test_filters_keep_their_dash(collection: Path, frieze: Frieze) -> None:
    assert frieze("ls", "-fox", "--count").json == 3
    assert frieze("subset", "add", "rest", "-fox").code == 0
    assert frieze("subset", "set", "rest", "--filter", "-owl").code == 0
    assert frieze("tag", "add", "-fox", "foo", "--yes").code == 0
    assert frieze("ls", "foo", "--count").json == 3
    assert frieze("tag", "add", "fox", "--", "-dry-run").code == 0
    assert frieze("ls", '"-dry-run"', "--count").json == 1
    assert frieze("ls", "--count", "--", "-dry-run").json == 4  # all but tag dry-run
    assert frieze("ls", '-"-dry-run"', "--count").json == 3
    assert frieze("pick", "--split", "-fox", "--top", 2, "--ids").code == 0


def test_a_filter_of_several_words_wants_quotes(collection: Path, frieze: Frieze) -> None:
    done = frieze("ls", "fox", "-outdoors")
    assert done.code == 2
    assert "in quotes" in done.err
    done = frieze("ls", "fox", "--onlyy", "5")
    assert done.code == 2
    assert "no such option: --onlyy" in done.err  # it is this that made a word of 5
