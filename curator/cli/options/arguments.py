"""Words of a command line: which are options, which are data, and which of those that begin with a dash are neither.

An option has two dashes, or is a letter behind one. What else begins with one is data behind `--` alone, so that
`-dry-run` is never stored as a tag; but where a FILTER stands `-blurry` is one, unless it is an option's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from curator.contract.errors import UserError

# Words that options had before, each with the one that took its place: scripts may hold them.
OLD_WORDS = {"--plan": "--dry-run", "--force": "--replace"}
FILTER = "FILTER"  # the metavar of arguments and options that take a filter
FROM = "--from"  # takes a list of images
# A filter that is kept is asked anew each time; the images of a list are those, whatever comes later.
KEEP_LIST = "keep the list as a pick, which any filter may name: frieze pick --from FILE --save NAME, then picked:NAME"
AMONG = "--filter"  # takes the filter for that list, where it cannot stand in its place

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"  # also those an editor makes of `-`
_FORM = re.compile(rf"[{_DASHES}]+([\w-]+)")
# Options that change what becomes of data: typed of habit, also to commands that lack them.
_HABITS = (
    "--dry-run",
    "--yes",
    "--force",
    "--help",
    "--json",
    "--plan",
    "--collection",
    "--quiet",
    "--version",
)


def options_first(command: Any, words: Sequence[str]) -> list[str]:
    """`words` with the options of `command` (built by Typer) in front and all else, in order, behind `--`.

    Raises:
        UserError: a word that begins with a dash where none can, or an option without its value.
    """
    verbs: dict[str, Any] | None = getattr(command, "commands", None)
    if verbs is not None:
        if words and words[0] in verbs:
            return [words[0], *options_first(verbs[words[0]], words[1:])]
        return list(words)
    line = _Line(command)
    left = iter(words)
    for word in left:
        if word == "--":
            line.plain += left
        elif word == "-h":
            line.options.append("--help")
        elif word.startswith("--") or line.has(word):
            line.add_option(word, left)
        else:
            line.others.append(word)
    return [*line.options, "--", *line.arguments()]


def is_filter(parameter: Any) -> bool:
    """Whether an argument or option takes a filter: its metavar, which the help shows, says so."""
    return (parameter.metavar or "").strip("[]") == FILTER


class _Line:
    """The words of one command so far, in two heaps."""

    def __init__(self, command: Any) -> None:
        options = [each for each in command.params if each.param_type_name == "option"]
        self._places = [each for each in command.params if each.param_type_name == "argument"]
        self._with_value = {name for each in options if not each.is_flag for name in each.opts}
        self._own = {name for each in options for name in (*each.opts, *each.secondary_opts)}
        self._hints = {_bare(name): f"there is no {name} here" for name in _HABITS}
        self._hints |= {_bare(name): f"write {name}" for name in (*self._own, "--help")}
        self.options: list[str] = []
        self.others: list[str] = []
        self.plain: list[str] = []  # behind `--`, taken as they are
        self._has_unknown = (
            False  # an option that is refused later, and may have left its value among the words
        )

    def has(self, word: str) -> bool:
        """Whether the command has an option of that name."""
        return word in self._own

    def add_option(self, word: str, left: Iterator[str]) -> None:
        """Take an option, and from `left` its value."""
        instead = OLD_WORDS.get(word, word)
        word = instead if instead in self._own and word not in self._own else word
        if word.partition("=")[0] == FROM and FROM not in self._own and any(map(is_filter, self._places)):
            what = f"a list of images is no filter: {FROM} has no place where a filter is kept"
            raise UserError(what, KEEP_LIST)
        self.options.append(word)
        self._has_unknown |= word.partition("=")[0] not in self._own
        if word not in self._with_value:
            return
        value = next(left, None)
        if value is None or value.startswith("--"):
            what = f"{word} has no value" + (f" before {value}" if value else "")
            raise UserError(what, f"give one; one that begins with two dashes goes behind '=': {word}=VALUE")
        self._refuse_misspelt(value, f"for this very text write {word}={value}")
        self.options.append(value)

    def arguments(self) -> list[str]:
        """The arguments in order, with an empty FILTER where a list of images stands in its place.

        Raises:
            UserError: one that begins with a dash where none can, or is too many behind a filter.
        """
        words = [*self.others, *self.plain]
        left_out = self._filter_left_out(len(words))
        if left_out is not None:
            words.insert(left_out, "")
        checked = len(self.others) + (left_out is not None and left_out < len(self.others))
        for at, word in enumerate(words[:checked]):
            if at != left_out:
                self._check(word, at)
        return words

    def _filter_left_out(self, count: int) -> int | None:
        """Where the FILTER stands that need not be given, since the images are listed; None where it is."""
        if not any(word == FROM or word.startswith(f"{FROM}=") for word in self.options):
            return None
        at = next((at for at, place in enumerate(self._places) if is_filter(place) and place.required), None)
        if at is None or (at == len(self._places) - 1 and count > at):
            return None
        return min(at, count)

    def _check(self, word: str, at: int) -> None:
        """Refuse an argument that looks like an option, or is a further word of the filter before it."""
        hint = f"for this very text put '--' before it: -- {word}"
        self._refuse_misspelt(word, hint)
        if at == len(self._places) and at and is_filter(self._places[-1]) and not self._has_unknown:
            raise UserError(f"{word} is a word too many", "put a filter of several words in quotes")
        if word.startswith(tuple(_DASHES)) and not (at < len(self._places) and is_filter(self._places[at])):
            raise UserError(f"{word} begins with a dash, and is no option", hint)

    def _refuse_misspelt(self, word: str, hint: str) -> None:
        """Refuse an option's name with one dash, and a letter, which is an option in other programs."""
        form = _FORM.fullmatch(word)
        if not form:
            return
        is_letter = len(form[1]) == 1 and form[1].isalpha()
        instead = self._hints.get(_bare(word)) or (f"there is no {word} here" if is_letter else "")
        if instead:
            raise UserError(f"{word} is no option", f"{instead}; {hint}")


def _bare(word: str) -> str:
    """What is alike in `--dry-run`, `-dry_run` and `-dryrun`."""
    return re.sub(rf"[{_DASHES}_]", "", word).casefold()
