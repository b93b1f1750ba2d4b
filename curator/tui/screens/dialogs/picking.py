"""The pick dialog: a form, then its funnel, then a subset of what was picked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from rich.text import Text
from textual.screen import Screen

from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import counted, visible
from curator.select.rules import ORDERS, PickRules, Shortage, parse_range, parse_since, read_list
from curator.tui.background import in_background, write
from curator.tui.completing.completion import paths, words_of
from curator.tui.completing.filters import filters_of
from curator.tui.messages import StatusChanged
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, number_of, whole_number_of

if TYPE_CHECKING:
    from curator.session.images.picks import PickResult
    from curator.session.session import Session


def _lines(reader: Session) -> tuple[FormLine, ...]:
    filters = filters_of(reader)
    return (
        FormLine("filter", "from", "", "a filter; nothing is all images", filters),
        FormLine("list", "tags in file", "", "a file with one tag a line: images with any of them", paths()),
        FormLine("since", "posted since", "", "2019-07-29, or 4y, 6m, 30d before today"),
        FormLine(
            "ranges",
            "post ranges",
            "",
            "FIRST..LAST:COUNT, with spaces between: 0..2999999:1000000 5000000..:all",
        ),
        FormLine("cap", "most per artist", "", "at most so many images of each artist"),
        FormLine("by", "order", "random", ", ".join((*ORDERS, "score(NAME)")), words_of(ORDERS)),
        FormLine("top", "how many", "", "only the first of that order; nothing is all"),
        FormLine(
            "split",
            "half of them",
            "",
            "a filter whose images make the share below, such as rating:general",
            filters,
        ),
        FormLine("share", "its share", "0.5", "between 0 and 1"),
        FormLine(
            "shortage",
            "if too few",
            "shrink",
            "shrink both parts, fill with the other, or stop",
            words_of(get_args(Shortage)),
        ),
        FormLine("seed", "seed", "0", "the same seed picks the same images"),
        FormLine("name", "name", "", "the pick is kept as picked:NAME, and a subset is made of it"),
    )


class NamedPick(NamedTuple):
    """A pick and the name it shall have."""

    name: str
    picked: PickResult


def ask_for_pick(screen: Screen, session: Session, reader: Session) -> None:
    """Ask, and pick in the background as the work "pick" of `screen`; its result is for `propose_pick`."""

    def check(values: Mapping[str, str]) -> tuple[str, PickRules]:
        name = values["name"].strip()
        if not name:
            raise UserError("the pick has no name", "give one: a subset is made of it")
        if any(each.name == name for each in session.subsets.all()):
            raise UserError(f"there is a subset '{name}'", "choose another name")
        return name, rules_of(values, date.today())

    def begin(result: object) -> None:
        if result is not None:
            name, rules = cast("tuple[str, PickRules]", result)
            screen.post_message(StatusChanged("picking"))
            in_background(screen, "pick", lambda: NamedPick(name, reader.picks.pick(rules)), keys_wait=True)

    screen.app.push_screen(Form("Pick images", _lines(reader), check), begin)


def propose_pick(screen: Screen, session: Session, found: NamedPick) -> None:
    """Show the funnel, and keep the pick as a subset when it is accepted."""

    def save() -> None:
        with session.edits.grouped():
            session.picks.save(found.name, found.picked)
            session.subsets.add_picked(found.name)

    def tell(_: None) -> None:
        screen.notify(f"subset {visible(found.name)} made. u undoes it.", markup=False)

    def keep(yes: bool | None) -> None:
        if yes:
            write(screen, save, tell)

    lines = [Text(f" {count:>11,}  {visible(reason)}") for reason, count in found.picked.funnel]
    lines += [Text(f" {visible(note)}", "italic") for note in found.picked.notes]
    question = f"Make the subset {visible(found.name)} of {counted(len(found.picked.ids))}?"
    screen.app.push_screen(Proposal(question, lines), keep)


def rules_of(values: Mapping[str, str], today: date) -> PickRules:
    """The rules typed in the form.

    Raises:
        UserError: a line that cannot be understood.
    """
    typed = {name: value.strip() for name, value in values.items()}
    return PickRules(
        filter=typed["filter"],
        tags=read_list(Path(typed["list"]).expanduser()) if typed["list"] else (),
        since=parse_since(typed["since"], today) if typed["since"] else None,
        ranges=tuple(parse_range(each) for each in typed["ranges"].split()),
        seed=whole_number_of(typed, "seed", "seed"),
        by=typed["by"].lower(),
        top=whole_number_of(typed, "top", "how many") if typed["top"] else None,
        split=typed["split"],
        share=number_of(typed, "share", "its share"),
        shortage=cast("Shortage", _one_of(typed["shortage"], get_args(Shortage), "if too few")),
        cap=whole_number_of(typed, "cap", "most per artist") if typed["cap"] else None,
    )


def _one_of(word: str, words: tuple[str, ...], label: str) -> str:
    if word not in words:
        raise UserError(f"{label}: there is no '{word}'", did_you_mean(word, words))
    return word
