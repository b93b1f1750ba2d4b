"""Decides how tags are named, found and counted; a tag's id never changes, a rename touches its row alone."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.bitmaps import FIRST_TAG, MAX_TAGS

GENERAL = "general"
_GENERATION = (
    "tag generation"  # a setting with a new token for each change of names and classes, so caches know
)
_ALIKE = str.maketrans("_", " ")


@dataclass(frozen=True)
class Tag:
    """One tag and how many images (whose file exists) have it."""

    id: int
    name: str
    cls: str
    count: int


def folded(name: str) -> str:
    """What two tags have in common that a person means as one: case and underscores do not count."""
    return name.casefold().translate(_ALIKE)


class TagTable:
    """The dictionary of tags. Names are unique as written; look-alikes are found by `alike`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[str, int] = {}
        self._folded: dict[str, list[int]] | None = None
        self._generation: str | None = None
        self._classes: list[str] | None = None
        self._checked = False

    def forget(self) -> None:
        """Another process committed: names are looked at again only if it changed any."""
        self._checked = False

    def ids_of(self, names: Iterable[str]) -> list[int | None]:
        """Ids of tags with exactly these names."""
        known = self._known()
        return [known.get(name) for name in names]

    def intern(self, names: Iterable[str], cls: str = GENERAL) -> list[int]:
        """Ids of these names; unknown ones become tags. Inside a write transaction only."""
        known = self._known()
        wanted = list(names)
        fresh = [name for name in dict.fromkeys(wanted) if name not in known]
        if fresh:
            self._insert(fresh, cls)
        return [known[name] for name in wanted]

    def learn_classes(self, pairs: Iterable[tuple[str, str]]) -> None:
        """What a source says of its tags: new ones get the class, known ones only where they were `general`."""
        for cls, name in sorted({(cls, name) for name, cls in pairs if cls != GENERAL}):
            number = self.intern([name], cls)[0]
            row = (cls, number, GENERAL)
            if self._connection.execute("UPDATE tag SET class=? WHERE id=? AND class=?", row).rowcount:
                self._bump()

    def find(self, name: str) -> Tag | None:
        """The tag with exactly this name."""
        number = self._known().get(name)
        return self.get([number])[0] if number is not None else None

    def alike(self, name: str) -> list[int]:
        """Ids of tags that read the same but for case and underscores."""
        return list(self._by_fold().get(folded(name), ()))

    def matching(self, pattern: str) -> list[int]:
        """Ids of tags like `pattern`, where `*` stands for any text and `?` for one character."""
        parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in folded(pattern))
        shape = re.compile("".join(parts), re.DOTALL)
        return [number for name, ids in self._by_fold().items() if shape.fullmatch(name) for number in ids]

    def get(self, ids: Sequence[int]) -> list[Tag]:
        """Tags by id, in the order asked."""
        rows: dict[int, Tag] = {}
        for first in range(0, len(ids), 500):
            some = ids[first : first + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, name, class, count FROM tag WHERE id IN ({marks})"
            rows.update((row[0], Tag(*row)) for row in self._connection.execute(query, some))
        return [rows[number] for number in ids]

    def all(self) -> list[Tag]:
        """Every tag in use, the most common first."""
        query = "SELECT id, name, class, count FROM tag WHERE count > 0 ORDER BY count DESC, name"
        return [Tag(*row) for row in self._connection.execute(query)]

    def of_class(self, cls: str) -> list[int]:
        """Ids of the tags of one class."""
        return [row[0] for row in self._connection.execute("SELECT id FROM tag WHERE class=?", (cls,))]

    def classes(self) -> list[str]:
        """The classes that any tag has."""
        self._known()
        if self._classes is None:
            rows = self._connection.execute("SELECT DISTINCT class FROM tag ORDER BY class")
            self._classes = [row[0] for row in rows]
        return self._classes

    def rename(self, number: int, name: str) -> None:
        check_name(name)
        known = self._known()
        (old,) = self._connection.execute("SELECT name FROM tag WHERE id=?", (number,)).fetchone()
        self._connection.execute("UPDATE tag SET name=? WHERE id=?", (name, number))
        self._bump()
        del known[old]
        known[name] = number
        self._folded = None

    def set_class(self, numbers: Sequence[int], classes: Sequence[str]) -> None:
        rows = zip(classes, numbers, strict=True)
        self._connection.executemany("UPDATE tag SET class=? WHERE id=?", rows)
        self._bump()

    def count_more(self, deltas: Mapping[int, int]) -> None:
        """Add to the counts of tags."""
        rows = [(delta, number) for number, delta in deltas.items() if delta]
        self._connection.executemany("UPDATE tag SET count=count+? WHERE id=?", rows)

    def _insert(self, names: Sequence[str], cls: str) -> None:
        for name in names:
            check_name(name)
        last = self._connection.execute("SELECT max(id) FROM tag").fetchone()[0]
        first = FIRST_TAG if last is None else int(last) + 1
        if first + len(names) > MAX_TAGS:
            raise UserError(
                f"a collection holds at most {MAX_TAGS} different tags", "merge or clean tags first"
            )
        rows = [(first + k, name, cls, 0) for k, name in enumerate(names)]
        self._connection.executemany("INSERT INTO tag(id, name, class, count) VALUES(?,?,?,?)", rows)
        self._bump()
        for number, name, _, _ in rows:
            self._names[name] = number
            if self._folded is not None:
                self._folded.setdefault(folded(name), []).append(number)

    def _known(self) -> dict[str, int]:
        if not self._checked:
            now = self._stored_generation()
            if now != self._generation:
                self._names = {row[0]: row[1] for row in self._connection.execute("SELECT name, id FROM tag")}
                self._folded = self._classes = None
                self._generation = now
            self._checked = True
        return self._names

    def _by_fold(self) -> dict[str, list[int]]:
        names = self._known()
        if self._folded is None:
            self._folded = {}
            for name, number in names.items():
                self._folded.setdefault(folded(name), []).append(number)
        return self._folded

    def _bump(self) -> None:
        self._known()
        self._generation = secrets.token_hex(8)  # no counter: one rolled back could meet another process's
        self._classes = None
        row = (_GENERATION, self._generation)
        self._connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", row)

    def _stored_generation(self) -> str:
        row = self._connection.execute("SELECT value FROM setting WHERE key=?", (_GENERATION,)).fetchone()
        return row[0] if row else ""


def check_name(name: str) -> None:
    """What a tag can never be, whoever brings it: empty, or not writable to a one-line comma-separated file."""
    if not name.strip() or name != name.strip():
        raise UserError(
            f"'{visible(name)}' is no tag", "a tag has at least one character and no space around it"
        )
    if any(c in ",\n\r\0" or 0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise UserError(
            f"the tag '{visible(name)}' holds a comma, a line break or a broken character", "remove it"
        )
