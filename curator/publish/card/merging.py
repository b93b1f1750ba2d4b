"""A new card merged into the one that is there: what a user wrote stays, sections nobody touched are renewed.

Each section stands between two marks, the first with a short hash of what was written. A section whose text no longer
fits its hash was edited by hand and stays; so does all text outside of marks. It is the same with keys of the front
matter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SECTION = re.compile(
    r"^<!-- frieze:(?P<name>\w+) (?P<hash>[0-9a-f]{8}) -->\n(?P<text>.*?)^<!-- /frieze:(?P=name) -->$",
    re.MULTILINE | re.DOTALL,
)
_LIST = re.compile(r"^<!-- frieze sections: (?P<names>[\w ]*) -->\n?", re.MULTILINE)
_KEY = re.compile(r"([A-Za-z_][\w-]*):")
_OURS = re.compile(r"# frieze: ?(.*)")
_FENCE = "---"


@dataclass(frozen=True)
class MergedCard:
    """The card, and by name what is the user's: `kept` was edited by hand, `left_out` was taken out by hand."""

    text: str
    kept: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def merged_card(
    front: Mapping[str, str], sections: Mapping[str, str], existing: str | None, *, rewrite: bool = False
) -> MergedCard:
    """The card of `front` (YAML by key) and `sections` (Markdown by name), merged into `existing`.

    With `rewrite` every section and key of ours is written anew; other text stays all the same.
    """
    before_front, before_body = _split((existing or "").replace("\r\n", "\n"))
    head = _merged_front(front, before_front, rewrite=rewrite)
    body = _merged_body(sections, before_body, rewrite=rewrite)
    return MergedCard(head.text + body.text, head.kept + body.kept, head.left_out + body.left_out)


def _split(text: str) -> tuple[str, str]:
    """The YAML between the two fences at the top, and the rest."""
    if not text.startswith(f"{_FENCE}\n"):
        return "", text
    front, fence, body = text.removeprefix(f"{_FENCE}\n").partition(f"\n{_FENCE}\n")
    return (front, body) if fence else ("", text)


def _merged_front(front: Mapping[str, str], before: str, *, rewrite: bool) -> MergedCard:
    there, written = _blocks(before)
    result: dict[str, str] = {}
    kept: list[str] = []
    left_out: list[str] = []
    for key, block in there.items():
        is_edited = _hash(block) != written.get(key)
        if not rewrite and is_edited and key in front and block != front[key]:
            kept.append(key)
        if (is_edited and not rewrite) or (key not in front and key not in written):
            result[key] = block
        elif key in front:
            result[key] = front[key]
    for key, block in front.items():
        if key in result:
            continue
        if key in written and key not in there and not rewrite:
            left_out.append(key)
        else:
            result[key] = block
    ours = {key: _hash(block) for key, block in front.items() if result.get(key, block) == block}
    ours |= {key: written.get(key, "-") for key in kept}
    mark = "# frieze: " + " ".join(f"{key}={value}" for key, value in ours.items())
    return MergedCard("\n".join([_FENCE, mark, *result.values(), _FENCE, ""]), tuple(kept), tuple(left_out))


def _blocks(front: str) -> tuple[dict[str, str], dict[str, str]]:
    """The lines of each key at the top level, and what we wrote there last, as hashes."""
    blocks: dict[str, list[str]] = {}
    written: dict[str, str] = {}
    key = ""
    for line in front.splitlines():
        if ours := _OURS.fullmatch(line.strip()):
            written = dict(pair.split("=", 1) for pair in ours[1].split() if "=" in pair)
            continue
        if found := _KEY.match(line):
            key = found[1]
        blocks.setdefault(key, []).append(line)
    return {key: "\n".join(lines).rstrip() for key, lines in blocks.items()}, written


def _merged_body(sections: Mapping[str, str], before: str, *, rewrite: bool) -> MergedCard:
    listed = _LIST.search(before)
    known = set(listed["names"].split()) if listed else set[str]()
    body = _LIST.sub("", before)
    present = {found["name"] for found in _SECTION.finditer(body)}
    kept: list[str] = []

    def renewed(found: re.Match[str]) -> str:
        name, text = found["name"], found["text"]
        if name not in sections:
            return found[0]
        if _hash(text) != found["hash"] and not rewrite:
            kept.append(name)
            return found[0]
        return _marked(name, sections[name]) if sections[name] else ""

    body = _SECTION.sub(renewed, body)
    left_out = tuple(name for name in sections if name in known - present and not rewrite)
    for name, text in sections.items():
        if text and name not in present and name not in left_out:
            body = _placed(body, name, text, list(sections))
    names = " ".join(name for name, text in sections.items() if text or name in known)
    whole = body.strip("\n")
    return MergedCard(f"\n{whole}\n\n<!-- frieze sections: {names} -->\n", tuple(kept), left_out)


def _placed(body: str, name: str, text: str, order: list[str]) -> str:
    """`body` with a new section behind the nearest one that goes before it, else below all that is there."""
    before = set(order[: order.index(name)])
    ends = [found.end() for found in _SECTION.finditer(body) if found["name"] in before]
    place = max(ends, default=len(body))
    return f"{body[:place].rstrip()}\n\n{_marked(name, text)}\n{body[place:]}"


def _marked(name: str, text: str) -> str:
    return f"<!-- frieze:{name} {_hash(text)} -->\n{text.strip()}\n<!-- /frieze:{name} -->"


def _hash(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()[:8]
