"""Text of a `.txt` file: tags on one line, tags one a line, or a caption in sentences, and how it is written back.

- A line that ends in ".", "!" or "?" is a caption in sentences ("free") from the first piece on that begins with a
  capital letter, if three words stand in a row behind; the pieces before it are tags. All of a line is one where it has
  five words or more between commas on average, a number such as 10,000, or "。" at its end. Sentences are never split
  or rewritten. A line with `|||` or `;;;`, kohya's signs between tags, is tags.
- Several lines without a comma, none of which is free or has more than four words (`title:...` aside), are tags, one a
  line. Of other texts of several lines the first counts, as for kohya; the rest stays in the file.
- `character:samus aran` is the tag `samus aran` of the class character; so with the names in `CLASS_PREFIXES`. What
  stands before other colons belongs to the tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from curator.index.tags.tag_names import each_once

CLASS_PREFIXES = {
    "artist": "artist",
    "creator": "artist",
    "character": "character",
    "copyright": "copyright",
    "series": "copyright",
    "general": "general",
    "meta": "meta",
}
_PROSE_WORDS = 5  # between commas, on average
_LINE_WORDS = 4  # of a tag that has a line of its own, at most
_NO_LETTERS = re.compile("[\0\ud800-\udfff]")
_NUMBER = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,]*\d)")
_CAPITAL = re.compile(r"""(?:^|, ?)(?=["'“‘«(\[]?[A-ZÀ-ÖØ-ÞΑ-ΩА-Я])""")
_ENDS = "\"'”’»)]"  # may stand behind the sign that ends a sentence
_THREE_WORDS = re.compile(r"[^\s,]+ [^\s,]+ [^\s,]")
_SIGNS = ("|||", ";;;")
_NAMESPACE = re.compile(r"\w+:\S")

Form = Literal["tags", "lines", "free"]


class CaptionText(NamedTuple):
    """What a text says. `line` is its first line that is not empty, `further` how many behind it are left out."""

    form: Form = "tags"
    line: str = ""
    tags: tuple[str, ...] = ()
    caption: str | None = None
    classes: tuple[tuple[str, str], ...] = ()
    further: int = 0


def read_caption_text(text: str) -> CaptionText:
    """What a `.txt` says."""
    lines = [plain for line in text.splitlines() if (plain := clean_line(line))]
    if not lines:
        return CaptionText()
    if len(lines) > 1 and all(map(_is_tag_line, lines)):
        tags, classes = _classed(lines)
        return CaptionText("lines", lines[0], tags, classes=classes)
    line, further = lines[0], len(lines) - 1
    at = sentence_at(line)
    if at >= 0:
        tags, classes = _classed(_pieces(line[:at]))
        return CaptionText("free", line, tags, line[at:], classes, further)
    tags, classes = _classed(_pieces(line)) if ":" in line else (each_once(_pieces(line)), ())
    return CaptionText("tags", line, tags, None, classes, further)


def write_caption_text(before: str, tags: Sequence[str], caption: str, *, free: bool) -> str | None:
    """The text with these words in place of those it says; lines that were left out stay, None where they cannot.

    With `free` the caption follows the tags in one line, as it is trained; else the text holds the tags alone.
    """
    was = read_caption_text(before)
    spelled = _spelled(before) if was.classes else {}
    words = [spelled.get(tag, tag) for tag in tags]
    if free:
        new = ", ".join(filter(None, (*words, caption)))
    else:
        new = "\n".join(words) if was.form == "lines" and all(map(_is_tag_line, words)) else ", ".join(words)
    if not was.further:
        return f"{new}\n"
    lines = before.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if clean_line(line))
    end = lines[at][len(lines[at].rstrip("\r\n")) :]
    return "".join((*lines[:at], new, end, *lines[at + 1 :])) if new else None


def sentence_at(line: str) -> int:
    """Where a line begins to be a caption in sentences; -1 where it is tags."""
    if line[-1] in ".!?…\"'”’»)]" and line.rstrip(_ENDS)[-1:] in (".", "!", "?", "…"):
        start = _CAPITAL.search(line)
        if start and _THREE_WORDS.search(line, start.end()) and not _has_sign(line):
            return start.end()
    return 0 if _is_all_prose(line) and not _has_sign(line) else -1


def _is_all_prose(line: str) -> bool:
    words, commas = line.count(" ") + 1, line.count(",")
    if words >= _PROSE_WORDS * (commas + 1) or line[-1] == "。":
        return True
    is_close = commas > line.count(", ") and words > 1  # the search alone takes as long as the rest
    return is_close and bool(_NUMBER.search(line))


def _has_sign(line: str) -> bool:
    return any(sign in line for sign in _SIGNS)


def split_tags(line: str) -> tuple[str, ...]:
    """Tags of a line, in order, each once."""
    return each_once(_pieces(clean_line(line)))


def clean_line(line: str) -> str:
    """A line with single spaces, and nothing in it that cannot be stored."""
    return " ".join(clean_text(line).split())


def clean_text(text: str) -> str:
    """JSON may spell lone surrogates and zero bytes; they become the replacement character."""
    return (text if text.isprintable() else _NO_LETTERS.sub("\ufffd", text)).strip()


def _is_tag_line(line: str) -> bool:
    if "," in line:
        return False
    return bool(_NAMESPACE.match(line)) or (line.count(" ") < _LINE_WORDS and sentence_at(line) < 0)


def _pieces(line: str) -> Iterable[str]:
    return filter(None, map(str.strip, line.split(",")))


def _classed(pieces: Iterable[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Tags, each once, and the classes that some are said to have."""
    pairs = dict.fromkeys(map(_class_of, pieces))
    return each_once(tag for tag, _ in pairs), tuple((tag, cls) for tag, cls in pairs if cls)


def _class_of(tag: str) -> tuple[str, str]:
    """(the tag without the name of its class, the class or "")."""
    before, _, name = tag.partition(":")
    cls, name = CLASS_PREFIXES.get(before.lower()), name.strip()
    if cls is None or not name:
        return tag, ""
    return name, cls if cls != "general" else ""  # which says nothing


def _spelled(text: str) -> dict[str, str]:
    """How a text writes the tags whose class it names."""
    return {_class_of(piece)[0]: piece for line in text.splitlines() for piece in _pieces(clean_line(line))}
