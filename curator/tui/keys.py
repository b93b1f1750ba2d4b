"""Key bindings: one table of actions by id, overlaid by `keys.toml` in the XDG config folder.

A panel takes its bindings from this table, the help and the palette list it, and a keys file may change any
of it by id: `"list.down" = "j,down,ctrl+n"`. Unknown ids and conflicts are refused.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from textual.binding import Binding, BindingType
from textual.keys import _character_to_key  # Textual names keys so; it has no public function for it

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.text import visible


class KeyAction(NamedTuple):
    """One thing a key can do in one panel. `footer` is its short name in the footer; empty keeps it out."""

    id: str
    keys: str
    action: str
    what: str
    footer: str = ""

    @property
    def panel(self) -> str:
        return self.id.partition(".")[0]


ACTIONS: tuple[KeyAction, ...] = (
    KeyAction("app.browse", "1", "go('browse')", "Browse: pictures, tags, filter"),
    KeyAction("app.subsets", "2", "go('subsets')", "Subsets & buckets: repeats, shares, steps"),
    KeyAction("app.captions", "3", "go('captions')", "Captions: what each step will train on"),
    KeyAction("app.freeze", "4", "go('freeze')", "Freeze: checks, then the manifest"),
    KeyAction("app.train", "5", "go('train')", "Train: recipe, launch"),
    KeyAction("app.runs", "6", "go('runs')", "Runs: dashboards"),
    KeyAction("app.history", "7", "go('history')", "History of edits"),
    KeyAction("app.prepare", "8", "go('prepare')", "Prepare: import, pick, derive, clean, order"),
    KeyAction("app.undo", "u", "undo", "undo the last edit", "undo"),
    KeyAction("app.redo", "ctrl+r", "redo", "redo the edit last undone"),
    KeyAction("app.scan", "ctrl+o", "scan", "scan a folder for pictures"),
    KeyAction("app.rescan", "f5", "rescan", "scan all known folders again"),
    KeyAction("app.suspend", "ctrl+z", "suspend_process", "suspend to the shell"),
    KeyAction("app.quit", "q", "quit", "quit (runs go on)", "quit"),
    KeyAction("app.palette", "colon,ctrl+p", "palette", "all commands, type to find", "commands"),
    KeyAction("app.help", "question_mark,f1", "key_help", "keys of this panel", "keys"),
    # any list of lines
    KeyAction("list.down", "j,down", "move(1)", "next"),
    KeyAction("list.up", "k,up", "move(-1)", "previous"),
    KeyAction("list.page_down", "pagedown,ctrl+f", "page(1)", "a page down"),
    KeyAction("list.page_up", "pageup,ctrl+b", "page(-1)", "a page up"),
    KeyAction("list.half_down", "ctrl+d", "half_page(1)", "half a page down"),
    KeyAction("list.half_up", "ctrl+u", "half_page(-1)", "half a page up"),
    KeyAction("list.first", "g,home", "edge(0)", "first"),
    KeyAction("list.last", "G,end", "edge(1)", "last"),
    KeyAction("list.choose", "enter", "choose", "open"),
    # the images of Browse
    KeyAction("images.toggle", "space", "select", "select and step on", "select"),
    KeyAction("images.range", "v", "range", "select a range from here"),
    KeyAction("images.all", "ctrl+a", "all", "select all"),
    KeyAction("images.invert", "asterisk", "invert", "invert the selection"),
    KeyAction(
        "images.clear", "escape", "clear", "clear the selection; without one, back to the screen that asked"
    ),
    # the Browse screen
    KeyAction("browse.filter", "slash", "filter", "filter as you type", "filter"),
    KeyAction("browse.add", "a", "bulk('add')", "add tags", "add tag"),
    KeyAction("browse.remove", "d", "bulk('remove')", "remove tags", "remove"),
    KeyAction("browse.rename", "r", "rename", "rename a tag everywhere"),
    KeyAction("browse.caption", "e", "caption", "edit the caption", "caption"),
    KeyAction("browse.keep", "y", "judge(1)", "mark keep, next picture", "keep"),
    KeyAction("browse.reject", "x", "judge(-1)", "mark reject, next picture", "reject"),
    KeyAction("browse.unmark", "backspace", "judge(0)", "take the keep or reject mark away"),
    KeyAction("browse.crop", "c", "crop", "show or hide the crop box", "crop"),
    KeyAction("browse.preview", "p", "preview", "show or hide the picture", "picture"),
    KeyAction("browse.panel", "tab", "next_panel", "other panel"),
    KeyAction("browse.facets", "t", "facets", "tags of what is shown, to add to the filter", "tags"),
    KeyAction("browse.sort", "o", "sort", "order", "order"),
    KeyAction("browse.jump", "number_sign,ctrl+g", "jump", "jump to a row or an id"),
    KeyAction("browse.saved", "f", "saved", "saved filters"),
    KeyAction("browse.save", "F", "save", "save this filter"),
    KeyAction("browse.captions", "n", "captions", "captions of this picture in the next epochs"),
    KeyAction("browse.copies", "D", "copies", "copies: pictures of these that are the same"),
    KeyAction("browse.quarantine", "Q", "quarantine", "files that could not be used, and why"),
    # files that could not be used
    KeyAction("quarantine.retry", "r", "retry", "read all of them again", "read again"),
    KeyAction("quarantine.close", "escape", "close", "back", "back"),
    # pictures that are the same picture
    KeyAction("copies.next", "j,down,n", "group(1)", "next group", "next group"),
    KeyAction("copies.previous", "k,up,N", "group(-1)", "previous group"),
    KeyAction("copies.right", "l,right", "step(1)", "picture to the right", "picture"),
    KeyAction("copies.left", "h,left", "step(-1)", "picture to the left"),
    KeyAction("copies.best", "b", "keep(True)", "keep the best, reject the others, next group", "keep best"),
    KeyAction("copies.keep", "y", "keep(False)", "keep this one, reject the others, next group", "keep this"),
    KeyAction("copies.reject", "x", "reject", "reject this one, or take that back", "reject"),
    KeyAction("copies.all", "B", "keep_all", "keep the best of every group"),
    KeyAction("copies.larger", "enter", "enlarge", "the picture on the whole screen"),
    KeyAction("copies.order", "o", "order", "what is best: size, score, favourites, bytes", "best by"),
    KeyAction("copies.words", "w", "words", "the one kept takes over tags and caption, or not", "words"),
    KeyAction("copies.further", "plus,equals_sign", "nearer(1)", "also pictures less alike", "alike"),
    KeyAction("copies.nearer", "minus", "nearer(-1)", "only pictures more alike"),
    KeyAction("copies.look", "r", "look", "look again, or go on after a stop"),
    KeyAction("copies.close", "escape", "close", "stop looking; back to the list", "back"),
    # the tags of what is shown
    KeyAction("facets.with", "plus,equals_sign", "pick(True)", "only pictures with this tag", "with"),
    KeyAction("facets.without", "minus", "pick(False)", "only pictures without this tag", "without"),
    KeyAction("facets.back", "escape", "back", "back to the list", "back"),
    # the tags of one image
    KeyAction("tags.earlier", "K", "shift(-1)", "move the tag to the front", "earlier"),
    KeyAction("tags.later", "J", "shift(1)", "move the tag to the back", "later"),
    KeyAction("tags.back", "escape", "back", "back to the list"),
    # subsets
    KeyAction("subsets.more", "plus,equals_sign", "repeat(1)", "one repeat more", "repeats"),
    KeyAction("subsets.less", "minus", "repeat(-1)", "one repeat less"),
    KeyAction(
        "subsets.bit_more", "right_square_bracket", "repeat(0.1)", "a tenth of a repeat more", "by 0.1"
    ),
    KeyAction("subsets.bit_less", "left_square_bracket", "repeat(-0.1)", "a tenth of a repeat less"),
    KeyAction("subsets.add", "a", "add", "add a subset", "add"),
    KeyAction("subsets.edit", "e", "edit", "edit the subset", "edit"),
    KeyAction("subsets.remove", "d", "remove", "remove the subset", "remove"),
    KeyAction("subsets.captions", "c", "captions", "edit the subset's caption rules", "captions"),
    KeyAction("subsets.balance", "b", "balance", "give every subset the same share of the epoch", "balance"),
    KeyAction("subsets.rule", "s", "rule", "bucket sizes", "bucket sizes"),
    KeyAction("subsets.leftovers", "o", "leftovers", "pictures that fill no batch: short, filled, carried"),
    KeyAction("subsets.batch_more", "greater_than_sign", "batch(1)", "a larger batch", "batch"),
    KeyAction("subsets.batch_less", "less_than_sign", "batch(-1)", "a smaller batch"),
    # captions
    KeyAction("captions.next", "l,right,n", "step(1)", "next step", "next step"),
    KeyAction("captions.back", "h,left,N", "step(-1)", "previous step", "previous"),
    KeyAction("captions.next_epoch", "right_square_bracket", "epoch(1)", "next epoch", "epoch"),
    KeyAction("captions.last_epoch", "left_square_bracket", "epoch(-1)", "previous epoch"),
    KeyAction("captions.jump", "number_sign,ctrl+g", "jump", "jump to a step or an epoch", "jump"),
    KeyAction("captions.manifest", "m", "manifest", "another manifest", "manifest"),
    KeyAction("captions.plan", "b", "plan", "another seed or batch size", "seed, batch"),
    KeyAction(
        "captions.crop", "c", "crop", "the picture as trained, with its crop outlined, or whole", "crop"
    ),
    # history
    KeyAction("history.back_to", "U", "back_to", "take back all edits down to this one", "all down to here"),
    # freeze
    KeyAction("freeze.check", "c", "check", "check again", "check"),
    KeyAction("freeze.name", "n", "name", "name and freeze", "name and freeze"),
    # prepare
    KeyAction("prepare.filter", "slash", "filter", "on other images", "filter"),
    KeyAction("prepare.table", "e", "table", "edit the rule's table", "edit table"),
    KeyAction("prepare.pick", "p", "pick", "pick images: ranges, dates, caps, halves", "pick"),
    KeyAction("prepare.import", "i", "import", "bring in data of another tool", "import"),
    # the table of a rule
    KeyAction("table.keep", "ctrl+s", "keep", "keep the table"),
    KeyAction("table.close", "escape", "close", "leave the table as it was"),
    # train
    KeyAction("train.launch", "L", "launch", "start the training", "launch"),
    KeyAction("train.next", "space,right,l", "turn(1)", "next choice", "change"),
    KeyAction("train.back", "left,h", "turn(-1)", "previous choice"),
    KeyAction("train.reset", "backspace", "reset", "back to the preset's value", "preset's value"),
    KeyAction("train.find", "slash", "find", "find a field", "find"),
    # runs
    KeyAction("runs.pause", "p", "ask('pause')", "pause", "pause"),
    KeyAction(
        "runs.resume",
        "r",
        "ask('resume')",
        "go on after a pause, a stop or a crash",
        "resume",
    ),
    KeyAction("runs.save", "s", "ask('save')", "save weights now", "save"),
    KeyAction("runs.sample", "S", "ask('sample')", "make samples now", "sample"),
    KeyAction("runs.stop", "x", "stop", "stop the run", "stop"),
    KeyAction("runs.pictures", "o", "pictures", "look at the samples", "look at samples"),
    KeyAction("runs.detach", "escape", "detach", "leave the dashboard; the run goes on", "detach"),
    # a picture on the whole screen
    KeyAction("picture.next", "j,l,right,down,space", "step(1)", "next picture", "next"),
    KeyAction("picture.previous", "k,h,left,up", "step(-1)", "previous picture", "previous"),
    KeyAction("picture.close", "escape,enter,q", "close", "close", "close"),
    # dialogs
    KeyAction("dialog.close", "escape", "close", "leave without a change", "cancel"),
    KeyAction("dialog.yes", "y", "yes", "yes", "yes"),
    KeyAction("dialog.no", "n,escape,q", "no", "no", "no"),
    KeyAction("filter.restore", "escape", "restore", "back to the filter before", "back"),
    KeyAction("filter.leave", "down", "leave", "to the list"),
    KeyAction("filter.complete", "tab", "complete", "complete the tag"),
    KeyAction("filter.stay", "shift+tab", "stay", "stay in the filter"),
    KeyAction("value.stay", "tab,shift+tab", "stay", "stay in the line one types in"),
    KeyAction("choice.remove", "delete", "screen.remove_line", "remove what is under the cursor"),
    KeyAction("entry.down", "down,ctrl+n", "suggest(1)", "next suggestion"),
    KeyAction("entry.up", "up,ctrl+p", "suggest(-1)", "previous suggestion"),
    KeyAction("entry.complete", "tab", "complete", "take the suggestion", "complete"),
)

# Panels whose keys work at the same time: a key may mean one thing in each group.
_TOGETHER: tuple[tuple[str, ...], ...] = (
    ("app", "list", "images", "browse"),
    ("app", "list", "tags", "browse"),
    ("app", "list", "facets", "browse"),
    ("app", "list", "subsets"),
    ("app", "list", "captions"),
    ("app", "list", "freeze"),
    ("app", "list", "history"),
    ("app", "list", "prepare"),
    ("app", "list", "train"),
    ("app", "list", "runs"),
    ("app", "copies"),
    ("app", "list", "quarantine"),
    ("picture",),
    ("dialog", "entry", "choice"),
    ("filter",),
    ("dialog", "value"),
    ("table",),
)


def bindings(*names: str) -> list[BindingType]:
    """The bindings of panels or of single actions, with the ids a keys file names."""
    return [
        Binding(
            each.keys,
            each.action,
            each.footer or each.what,
            show=bool(each.footer),
            id=each.id,
            tooltip=each.what,
        )
        for each in ACTIONS
        if each.panel in names or each.id in names
    ]


def keys_file() -> Path:
    """Where a person's own keys stand."""
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "frieze" / "keys.toml"


def load_keymap(path: Path) -> dict[str, str]:
    """The keys a person changed, by action id; empty where there is no file.

    Raises:
        UserError: no TOML, an unknown id, no key, or two actions of one panel on one key.
    """
    try:
        changes = tomllib.loads(read_regular(path, limit_bytes=TEXT_BYTES).decode())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(
            f"the keys file {visible(str(path))} cannot be read: {error}", 'a line is "list.down" = "j,down"'
        ) from error
    keymap = {name: _keys(name, value) for name, value in _flat(changes, "")}
    _refuse_conflicts(keymap)
    return keymap


def _flat(table: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    """`[list]` with `down = "j"` says the same as `"list.down" = "j"`."""
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return found


def _keys(name: str, value: object) -> str:
    known = [each.id for each in ACTIONS]
    if name not in known:
        raise UserError(f"the keys file names no action: '{visible(name)}'", did_you_mean(name, known))
    if not isinstance(value, str) or not all(key.strip() for key in value.split(",")):
        raise UserError(f"the keys of {name} are {value!r}", 'give names with commas between: "j,down"')
    return ",".join(_key_name(key.strip()) for key in value.split(","))


def _key_name(key: str) -> str:
    return _character_to_key(key) if len(key) == 1 else key


def _refuse_conflicts(keymap: Mapping[str, str]) -> None:
    for group in _TOGETHER:
        owner: dict[str, KeyAction] = {}
        for each in (action for panel in reversed(group) for action in ACTIONS if action.panel == panel):
            for key in keymap.get(each.id, each.keys).split(","):
                other = owner.setdefault(key, each)
                if other is not each and {other.id, each.id} & keymap.keys():
                    raise UserError(
                        f"the keys file gives '{key}' to both {other.id} and {each.id}",
                        "give one another key",
                    )
