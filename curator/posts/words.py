"""Tags and texts of other tools, spelled as the index holds them."""

from __future__ import annotations

from collections.abc import Iterable

from curator.index.tags.tag_names import each_once, spaced

_MAX = 500
_REMEMBERED = 200_000  # words


def text_of(text: str) -> str:
    """Free text with nothing in it that cannot be stored; lines are joined."""
    if not text.isprintable():
        text = "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) <= 0xDFFF else c for c in text)
    return " ".join(text.split())


def lines_of(text: str) -> str:
    """The same, with the lines it has; empty ones are nothing."""
    return "\n".join(line for each in text.splitlines() if (line := text_of(each)))


def tags_of_line(line: str, separator: str = ",") -> tuple[str, ...]:
    """Tags of one text, in order, each once."""
    return clean(line.split(separator))


def tags_of_words(line: str) -> list[str]:
    """Tags as boorus write them: spaces between tags, underscores in them. What is said twice is twice there."""
    return list(filter(None, map(_FROM_WORD.__getitem__, line.split())))


def tag_of_word(word: str) -> str:
    """One such tag; empty where nothing is left of it."""
    return _FROM_WORD[word]


def clean(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags without space around them, commas inside or anything broken; empty ones are nothing."""
    return each_once(kept for tag in tags if (kept := _clean(tag)))


def _clean(tag: str) -> str:
    kept = text_of(tag.replace(",", " "))
    return kept if len(kept) <= _MAX else ""


class _FromWord(dict[str, str]):
    """Tags of words; a dump says the same few millions of times."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[word] = tag = _clean(spaced(word))
        return tag


_FROM_WORD = _FromWord()
