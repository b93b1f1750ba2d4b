"""The Tags screen: every tag with class, count, other words and what it implies; found by typing, changed by keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Label

from curator.contract.text import counted, visible
from curator.tags.text import clean_tag
from curator.tui import meanings
from curator.tui.background import in_background, user_errors_shown
from curator.tui.completing.completion import Completion, tags_of, words_of
from curator.tui.editing import COUNTED, Counted, Editor
from curator.tui.filter_text import filter_of_tag
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import CollectionChanged, Place, ShowImages, UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Form, FormLine
from curator.tui.screens.images.image_acts import copy_text
from curator.tui.widgets.entries.completing_entry import FindInput
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines, fitted
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from pathlib import Path

    from curator.filter.facets import Facet
    from curator.session.images.tags import Tag, TagEntry
    from curator.session.session import Session

KEYS = (
    KeyAction("tagslist.find", "slash", "find", "find by name, other word, or class:artist", "find"),
    KeyAction("tagslist.rename", "r", "rename", "rename the tag everywhere", "rename"),
    KeyAction("tagslist.merge", "m", "merge", "merge the tag into another", "merge"),
    KeyAction("tagslist.class", "c", "cls", "give the tag a class", "class"),
    KeyAction("tagslist.alias", "a", "alias", "other words by which the tag is found", "other words"),
    KeyAction("tagslist.copy", "Y", "copy", "copy the tag's name"),
    KeyAction("tagslist.order", "o", "order", "order: count, name, class", "order"),
    KeyAction(
        "tagsfind.complete", "tab", "complete", "the whole name, or class (right at the end too)", "complete"
    ),
    KeyAction("tagsfind.leave", "enter,escape,down", "screen.leave_find", "to the list", "to the list"),
)
_ORDERS: dict[str, Callable[[TagEntry], tuple[object, ...]]] = {
    "count": lambda each: (-each.tag.count, each.tag.name),
    "name": lambda each: (each.tag.name.lower(),),
    "class": lambda each: (each.tag.cls, -each.tag.count, each.tag.name),
}
_CLASS = "class:"
_DETAIL_DELAY_S = 0.08
_LEAST_REST = 16  # cells in which other words are worth beginning
_TOGETHER = 12  # tags that stand beside one


class _About(NamedTuple):
    """What is told of the tag under the cursor: tags on the same images, and one of these."""

    tag: str
    images: int
    together: tuple[Facet, ...]
    file: Path | None


class _Find(FindInput):
    BINDINGS = bindings(KEYS, "tagsfind")


class TagsScreen(Screen):
    """All tags on the left; on the right what belongs to the one under the cursor."""

    BINDINGS = bindings(KEYS, "tagslist")
    AUTO_FOCUS = "#tags"

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._editor = Editor(self, session, reader, self._read)
        self._all: list[TagEntry] = []
        self._shown: list[TagEntry] = []
        self._order = str(session.memory.recall("tags order", "count"))
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TabLine("Tags")
        with Horizontal(id="search"):
            yield Label(" / ", id="slash", markup=False)
            yield _Find(
                self._completions, placeholder="find a tag by its name or another word, or class:artist"
            )
            yield Label("", id="count", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield PanelTitle(id="heading", of="#tags", heads=_heads)
                yield LineList(id="tags", empty=" reading...")
            with Vertical(id="side"):
                yield PanelTitle(id="name")
                yield Lines(id="about")
                yield Preview()
        yield Foot()
        yield TooSmall()

    def on_screen_resume(self) -> None:
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        in_background(self, "tags", self._reader.tags.entries)

    def on_work_done(self, message: WorkDone) -> None:
        match message.kind:
            case "tags":
                self._all = cast("list[TagEntry]", message.result)
                self._narrow()
            case "about":
                self._tell(cast("_About", message.result))
            case _ if message.kind == COUNTED:
                self._editor.counted(cast("Counted", message.result))
            case _:
                pass

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    # the list

    @on(Input.Changed)
    def _narrow(self) -> None:
        here = self.current
        words = self.query_one(_Find).value.replace("_", " ").lower().split()
        found = [each for each in self._all if all(_fits(each, word) for word in words)]
        self._shown = sorted(found, key=_ORDERS.get(self._order, _ORDERS["count"]))
        names = [each.tag.id for each in self._shown]
        tags = self.query_one("#tags", LineList)
        tags.empty = " no tag is called so" if self._all else " no tags yet: a in Browse adds some"
        place = names.index(here.tag.id) if here and here.tag.id in names else 0
        tags.show(len(self._shown), self._line, place)
        count = f"{len(self._shown):,} of {counted(len(self._all), 'tag')}"
        self.query_one("#count", Label).update(Text(count, justify="right"), layout=False)

    def _completions(self, text: str) -> list[Completion]:
        """The class that is begun, else the tag under the cursor of those found."""
        head, space, word = text.rpartition(" ")
        if word and _CLASS.startswith(word):
            return [Completion(f"{head}{space}{_CLASS}", _CLASS)]
        if word.startswith(_CLASS):
            begun = word.removeprefix(_CLASS)
            classes = (each for each in self._session.tags.classes() if each.startswith(begun))
            return [Completion(f"{head}{space}{_CLASS}{each} ", each) for each in classes]
        return [Completion(self.current.tag.name, self.current.tag.name)] if self.current else []

    @property
    def current(self) -> TagEntry | None:
        """The tag under the cursor."""
        cursor = self.query_one("#tags", LineList).cursor
        return self._shown[cursor] if cursor < len(self._shown) else None

    def _line(self, position: int, width: int) -> Text:
        each = self._shown[position]
        more = [f"also {', '.join(map(visible, each.aliases))}"] if each.aliases else []
        more += [f"-> {', '.join(map(visible, each.implies))}"] if each.implies else []
        tag = each.tag
        line = Text(
            _columns(
                visible(tag.name), meanings.class_word(tag.cls), f"{tag.count:,}", "  ".join(more), width
            )
        )
        line.stylize(
            meanings.of_class(tag.cls), 0, len(line) - len(line.plain.lstrip()) + len(visible(tag.name))
        )
        return line

    def action_find(self) -> None:
        self.set_focus(self.query_one(_Find))

    def action_leave_find(self) -> None:
        self.set_focus(self.query_one("#tags"))

    def action_order(self) -> None:
        """Another order, one after the other."""
        if self._wanted_tag is None:
            return
        names = list(_ORDERS)
        place = names.index(self._order) + 1 if self._order in names else 1
        self._order = names[place % len(names)]
        self.post_message(Place({"tags order": self._order}))
        self._narrow()

    def on_resize(self) -> None:
        self._narrow()

    # the tag under the cursor

    @on(LineList.Moved, "#tags")
    def _look_soon(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_DETAIL_DELAY_S, self._look)

    def _look(self) -> None:
        entry = self.current
        if entry is None:
            self.query_one("#name", PanelTitle).say("")
            self.query_one("#about", Lines).show([])
            self.query_one(Preview).show(None)
            return
        name = entry.tag.name

        def look() -> _About:
            images = self._reader.images.select(filter_of_tag(name)).bitmap()
            facets = self._reader.images.facets(images, _TOGETHER + 1)
            rows = self._reader.images.rows([images.min()]) if images else []
            together = tuple(each for each in facets.tags if each.tag.name != name)
            return _About(name, len(images), together, self._reader.images.file_of(rows[0]) if rows else None)

        in_background(self, "about", look)

    def _tell(self, about: _About) -> None:
        entry = self.current
        if entry is None or entry.tag.name != about.tag:
            return
        self.query_one("#name", PanelTitle).say(Text(visible(about.tag), meanings.of_class(entry.tag.cls)))
        self.query_one("#about", Lines).draw(lambda size: _about_lines(entry, about, size.width))
        self.query_one(Preview).show(about.file)

    @on(LineList.Chosen, "#tags")
    def _show_images(self) -> None:
        if entry := self.current:
            self.post_message(ShowImages(filter_of_tag(entry.tag.name)))

    @property
    def _wanted_tag(self) -> TagEntry | None:
        """That under the cursor; where there is none it is said."""
        entry = self.current
        if entry is None:
            self.notify("No tag is under the cursor.", markup=False)
        return entry

    def action_copy(self) -> None:
        if entry := self._wanted_tag:
            copy_text(self, "tag", entry.tag.name)

    # changes

    @user_errors_shown
    def action_rename(self) -> None:
        if entry := self._wanted_tag:
            self._editor.ask_rename(entry.tag.name)

    @user_errors_shown
    def action_merge(self) -> None:
        if entry := self._wanted_tag:
            self._editor.ask_merge(entry.tag.name)

    def action_cls(self) -> None:
        if entry := self._wanted_tag:
            classes = self._session.tags.classes()
            line = FormLine("words", "class", entry.tag.cls, ", ".join(classes), words_of(classes))
            self._ask("Class", line, entry.tag, self._classed)

    def action_alias(self) -> None:
        if entry := self._wanted_tag:
            about = "words that find it where tags are typed, with commas between; images keep the tag"
            known = ", ".join(entry.aliases)
            line = FormLine("words", "other words", known, about, tags_of(self._reader))
            self._ask("Other words", line, entry.tag, self._aliased)

    def _ask(self, title: str, line: FormLine, tag: Tag, change: Callable[[str, str], None]) -> None:
        def check(values: Mapping[str, str]) -> bool:
            change(tag.name, values[line.name].strip())
            return True

        form = Form(f"{title} of '{visible(tag.name)}'", [line], check)
        self.app.push_screen(form, lambda done: self._read() if done else None)

    def _classed(self, tag: str, cls: str) -> None:
        self._session.tags.set_class([tag], cls)

    def _aliased(self, tag: str, words: str) -> None:
        self._session.tags.set_aliases(tag, [clean_tag(word) for word in words.split(",") if word.strip()])


def _fits(entry: TagEntry, word: str) -> bool:
    if word.startswith(_CLASS):
        return entry.tag.cls.startswith(word.removeprefix(_CLASS))
    return word in entry.tag.name.lower() or any(word in alias.lower() for alias in entry.aliases)


def _heads(width: int) -> str:
    return _columns("tag", "class", "images", "other words and what follows", width)


def _columns(name: str, cls: str, count: str, more: str, width: int) -> str:
    """One line: the name has what the others leave, the rest of a wide one goes to other words and what follows."""
    rest = max(0, (width - 22) // 3)
    rest = rest if rest >= _LEAST_REST else 0
    room = max(8, width - rest - 22)
    line = f" {fitted(name, room)} {fitted(cls, 10)} {count:>8}"
    return f"{line}  {fitted(more, rest - 2)}" if rest else line


def _about_lines(entry: TagEntry, about: _About, width: int) -> list[Text]:
    tag = entry.tag
    lines = [
        Text(f" {tag.cls}, on {counted(about.images)}"),
        Text(
            f" also {', '.join(map(visible, entry.aliases))}"
            if entry.aliases
            else " no other words: a adds some"
        ),
    ]
    if entry.implies:
        lines.append(Text(f" brings {', '.join(map(visible, entry.implies))}"))
    lines += [Text(), Text(" together with", "bold")] if about.together else []
    for each in about.together[:_TOGETHER]:
        name, share = fitted(visible(each.tag.name), max(8, width - 18)), each.images / max(1, about.images)
        line = Text(f"  {name} ", meanings.of_class(each.tag.cls))
        lines.append(line.append(bar(share, 6), meanings.BAR).append(f" {each.images:>7,}", meanings.QUIET))
    return lines
