"""Launch lines of sd-scripts: the script and its options, out of a shell script, a batch file or a pasted command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.interop.recipes.translation import Foreign

_SCRIPT = re.compile(r"(?:^|[\\/])((?:sdxl_)?[\w-]*train[\w-]*|fine_tune)\.py$")
_CONTINUED = re.compile(r"[ \t]*[\\^`][ \t]*\r?\n")  # of sh, cmd and PowerShell
_COMMENT = re.compile(r"^\s*(#|::|rem\b)", re.IGNORECASE)


class LaunchLine(NamedTuple):
    """A script's name without its ending, and its options by name; a flag without a value is True."""

    script: str
    options: dict[str, Foreign]


def read_launch_line(text: str, shown: str) -> LaunchLine:
    """The one training that a text starts.

    Raises:
        UserError: there is none, or several, or a quote that does not end.
    """
    found = [words for line in _lines(text) if (words := _after_script(_words(line, shown)))]
    if not found:
        raise UserError(
            f"{shown} starts no training script of sd-scripts",
            "give a file with a line such as 'accelerate launch train_network.py --learning_rate=1e-4'",
        )
    if len(found) > 1:
        scripts = " and ".join(f"{words[0]}.py" for words in found)
        raise UserError(
            f"{shown} starts several trainings: {scripts}", "give one of them in a file of its own"
        )
    return LaunchLine(found[0][0], read_options(found[0][1:]))


def read_options(words: Sequence[str]) -> dict[str, Foreign]:
    """Options as argparse reads them: `--name=value`, `--name value ...` or a flag; the last of a name wins."""
    options: dict[str, Foreign] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        values = [value] if equals else []
        while not equals and at < len(words) and not words[at].startswith("--"):
            values.append(words[at])
            at += 1
        options[name.replace("-", "_")] = True if not values else values[0] if len(values) == 1 else [*values]
    return options


def split_words(text: str, shown: str) -> list[str]:
    """The words of a command line as a shell has them.

    Raises:
        UserError: a quote that does not end.
    """
    return _words(text, shown)


def _lines(text: str) -> list[str]:
    """Those that may start a script: what else a script holds, and how it quotes, is not ours to judge."""
    joined = _CONTINUED.sub(" ", text)
    return [line for line in joined.splitlines() if ".py" in line and not _COMMENT.match(line)]


def _words(line: str, shown: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""  # a backslash stands in paths of Windows
    try:
        return list(lexer)
    except ValueError as error:
        raise UserError(f"{shown}: a quote does not end", "close it") from error


def _after_script(words: Sequence[str]) -> Sequence[str]:
    """The script's name and what follows it."""
    for at, word in enumerate(words):
        if (script := _SCRIPT.search(word)) is not None:
            return [script.group(1), *words[at + 1 :]]
    return ()
