"""The tag table: names, counts and ids; an id never changes, a rename touches its row alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from curator.arrays import np
from curator.contract.errors import UserError
from curator.index.sets.bitmaps import FIRST_TAG, MAX_TAGS
from curator.index.sets.write_buffer import FEW, WriteBuffer
from curator.index.tags.new_tags import GENERAL, NewTags
from curator.index.tags.tag import Tag
from curator.index.tags.tag_names import check_name, folded, glob_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.changes.changes import NewTag

_GENERATION = (
    "tag generation"  # a setting with a new token for each change of names and classes, so caches know
)
_CLASSES = """WITH RECURSIVE known(class) AS (SELECT min(class) FROM tag UNION ALL
    SELECT (SELECT min(class) FROM tag WHERE tag.class > known.class) FROM known WHERE known.class IS NOT NULL)
    SELECT class FROM known WHERE class IS NOT NULL"""  # a look at the index per class, not at every tag
_NAMES_KEPT = 50_000
_FEW = 2000  # up to so many names are looked up; for more all names are read, which takes 60 ms of 100,000


class TagTable:
    """The dictionary of tags. Names are unique as written; `spellings` of one tag have one key."""

    def __init__(self, connection: sqlite3.Connection, buffer: WriteBuffer) -> None:
        self._connection = connection
        self._buffer = buffer
        self._names: dict[str, int] | None = None
        self._by_id: dict[int, str] = {}  # names asked for by id
        self._by_name: dict[str, int] = {}  # and ids by name
        self._classes: list[str] | None = None
        self._counts: NDArray[Any] | None = None
        self._generation: str | None = None
        self._checked = False

    def forget(self) -> None:
        """Another process committed: names are looked at again only if it changed any."""
        self._checked = False

    def forget_all(self) -> None:
        """What is cached may be wrong."""
        self._checked, self._generation = False, None
        self._by_id, self._by_name = {}, {}
        self._names = self._classes = self._counts = None

    def forget_counts(self) -> None:
        """Counts changed in a way nobody can follow."""
        self._counts = None

    def generation(self) -> str:
        """Changes whenever any name or class does; what others keep of names is good as long as it is equal."""
        if not self._checked:
            now = self._stored_generation()
            if now != self._generation:
                self._by_id, self._by_name = {}, {}
                self._names = self._classes = self._counts = None
                self._generation = now
            self._checked = True
        return self._generation or ""

    def counts(self) -> NDArray[Any]:
        """How many images (whose file exists) have each tag, by tag id. Shared: do not change."""
        self.generation()
        if self._counts is None:
            query = (
                "SELECT group_concat(id), group_concat(count) FROM (SELECT id, count FROM tag ORDER BY id)"
            )
            ids, counts = (
                np.fromstring(each or "", np.int64, sep=",")
                for each in self._connection.execute(query).fetchone()
            )
            self._counts = np.zeros(self._last_id() + 1, np.int64)
            self._counts[ids] = counts
            for tag, more in self._buffer.counts().items():
                self._counts[tag] += more
        return self._counts

    def patch_count(self, tag: int, more: int) -> None:
        """A count changed in the file; only the cache is behind."""
        if self._counts is not None:
            if tag >= len(self._counts):
                self._counts = np.append(self._counts, np.zeros(tag + 1000 - len(self._counts), np.int64))
            self._counts[tag] += more

    def ids_of(self, names: Iterable[str]) -> list[int | None]:
        """Ids of tags with exactly these names."""
        wanted = list(names)
        known = self.ids_by_name(wanted)
        return [known.get(name) for name in wanted]

    def ids_by_name(self, names: Iterable[str] | None = None) -> Mapping[str, int]:
        """The id of each of these names that is a tag, and of others perhaps; None is every tag. Shared: read only."""
        self.generation()
        unique = None if names is None or self._names is not None else set(names)
        return self._known() if unique is None or len(unique) > _FEW else self._looked_up(unique)

    def intern(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Ids of these names; unknown ones become tags. Inside a write transaction only."""
        new = NewTags(self.first_free())
        found = new.ids_of(names, self.ids_by_name(names))
        self.add(new.all())
        return found

    def first_free(self) -> int:
        """The id that the next tag gets."""
        return max(FIRST_TAG, self._last_id() + 1)

    def add(self, tags: Sequence[NewTag]) -> None:
        """Make names tags; their ids go up from `first_free`. Inside a write transaction only."""
        if not tags:
            return
        for tag in tags:
            check_name(tag.name)
        if tags[-1].id >= MAX_TAGS:
            what = f"a collection holds at most {MAX_TAGS} different tags"
            raise UserError(what, "merge or clean tags first")
        rows = [(tag.id, tag.name, tag.cls, 0, folded(tag.name)) for tag in tags]
        query = "INSERT INTO tag(id, name, class, count, folded) VALUES(?,?,?,?,?)"
        self._connection.executemany(query, rows)
        self._bump()
        if self._names is not None:
            self._names.update((tag.name, tag.id) for tag in tags)

    def learn_classes(self, pairs: Iterable[tuple[str, str]]) -> None:
        """What a source says of its tags: new ones get the class, known ones only where they were `general`."""
        said = dict(sorted((name, cls) for name, cls in pairs if cls != GENERAL))
        if said:
            rows = zip(said.values(), self.intern(list(said)).tolist(), [GENERAL] * len(said), strict=True)
            query = "UPDATE tag SET class=? WHERE id=? AND class=?"
            if self._connection.executemany(query, list(rows)).rowcount:
                self._bump()

    def find(self, name: str) -> Tag | None:
        """The tag with exactly this name."""
        number = self.ids_of([name])[0]
        return self.get([number])[0] if number is not None else None

    def alike(self, name: str) -> list[int]:
        """Ids of all spellings of a tag (see `folded`)."""
        rows = self._connection.execute("SELECT id FROM tag WHERE folded=? ORDER BY id", (folded(name),))
        return [row[0] for row in rows]

    def spellings(self, names: Sequence[str]) -> list[list[Tag]]:
        """All spellings of each tag named, the one to use first.

        That is one that images have before one that none has, the very name before others, the most used.
        """
        keys = list(dict.fromkeys(map(folded, names)))
        found: dict[str, list[Tag]] = {key: [] for key in keys}
        buffered = self._buffer.count
        for first in range(0, len(keys), 500):
            some = keys[first : first + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT folded, id, name, class, count FROM tag WHERE folded IN ({marks})"
            for key, tag, name, cls, count in self._connection.execute(query, some).fetchall():
                found[key].append(Tag(tag, name, cls, count + buffered(tag)))
        return [
            sorted(
                found[folded(name)], key=lambda tag: (tag.count <= 0, tag.name != name, -tag.count, tag.id)
            )
            for name in names
        ]

    def meant(self, name: str) -> Tag | None:
        """The tag in use that a name which is none is most like; of several the one that most images have."""
        from curator.index.tags.misspelt import misspelt  # only mistakes need it

        keys = misspelt(self._connection, folded(name))
        used = (tag for spelled in self.spellings(keys) for tag in spelled[:1] if tag.count > 0)
        return max(used, key=lambda tag: tag.count, default=None)

    def matching(self, pattern: str) -> list[int]:
        """Ids of tags like `pattern`: `*` stands for any text, `?` for a character, `_` for itself or a space."""
        rows = self._connection.execute(
            "SELECT id FROM tag WHERE folded GLOB ? ORDER BY id", (glob_of(pattern),)
        )
        return [row[0] for row in rows]

    def folded_names(self) -> tuple[NDArray[np.int64], str]:
        """The ids of all tags, and their folded names, one a line (no name holds a line break)."""
        query = "SELECT group_concat(id), group_concat(folded, char(10)) FROM (SELECT id, folded FROM tag ORDER BY id)"
        ids, names = self._connection.execute(query).fetchone()  # no Python object per tag
        return np.fromstring(ids or "", np.int64, sep=","), names or ""

    def get(self, ids: Sequence[int]) -> list[Tag]:
        """Tags by id, in the order asked."""
        rows: dict[int, Tag] = {}
        buffered = self._buffer.count
        for first in range(0, len(ids), 500):
            some = ids[first : first + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, name, class, count FROM tag WHERE id IN ({marks})"
            found = self._connection.execute(query, some)
            rows.update((tag, Tag(tag, name, cls, count + buffered(tag))) for tag, name, cls, count in found)
        return [rows[number] for number in ids]

    def names_of(self, rows: Sequence[Sequence[int]]) -> list[tuple[str, ...]]:
        """The names of the tags of many rows; what was asked for before is not read again."""
        self.generation()
        if len(self._by_id) > _NAMES_KEPT:
            self._by_id = {}
        known = self._by_id
        missing = list({tag for row in rows for tag in row}.difference(known))
        for first in range(0, len(missing), _FEW):
            some = missing[first : first + _FEW]
            marks = ",".join("?" * len(some))
            known.update(self._connection.execute(f"SELECT id, name FROM tag WHERE id IN ({marks})", some))
        return [tuple(map(known.__getitem__, row)) for row in rows]

    def all(self) -> list[Tag]:
        """Every tag in use, the most common first."""
        buffered = self._buffer.counts()
        rows = self._connection.execute("SELECT id, name, class, count FROM tag ORDER BY name")
        tags = [Tag(tag, name, cls, count + buffered.get(tag, 0)) for tag, name, cls, count in rows]
        return sorted((tag for tag in tags if tag.count > 0), key=lambda tag: -tag.count)

    def names(self) -> list[str]:
        """The names of all tags, those in use by no image too, in no order."""
        return [name for (name,) in self._connection.execute("SELECT name FROM tag")]

    def holding(self, signs: str) -> list[tuple[int, str]]:
        """(id, name) of the tags in whose names any of some signs stands, those in use by no image too."""
        query = f"SELECT id, name FROM tag WHERE {' OR '.join(['instr(name, ?)'] * len(signs))}"
        return self._connection.execute(query, [*signs]).fetchall()

    def of_class(self, cls: str) -> list[int]:
        """Ids of the tags of one class."""
        return [row[0] for row in self._connection.execute("SELECT id FROM tag WHERE class=?", (cls,))]

    def classes(self) -> list[str]:
        """The classes that any tag has."""
        self.generation()
        if self._classes is None:
            rows = self._connection.execute(_CLASSES)
            self._classes = [row[0] for row in rows]
        return self._classes

    def rename(self, number: int, name: str) -> None:
        check_name(name)
        row = (name, folded(name), number)
        self._connection.execute("UPDATE tag SET name=?, folded=? WHERE id=?", row)
        self._bump()
        self._names = None
        self._by_id, self._by_name = {}, {}

    def set_class(self, numbers: Sequence[int], classes: Sequence[str]) -> None:
        rows = zip(classes, numbers, strict=True)
        self._connection.executemany("UPDATE tag SET class=? WHERE id=?", rows)
        self._bump()

    def count_more(self, deltas: Mapping[int, int]) -> None:
        """Add to the counts of tags."""
        wanted = {number: delta for number, delta in deltas.items() if delta}
        if len(wanted) > FEW:
            self._store_more(wanted)
        elif wanted:
            self._buffer.add(counts=wanted)
        for number, delta in wanted.items():
            self.patch_count(number, delta)

    def stored_counts(self) -> dict[int, tuple[str, int]]:
        """Name and count of every tag as the file says, by id."""
        buffered = self._buffer.counts()
        rows = self._connection.execute("SELECT id, name, count FROM tag")
        return {number: (name, count + buffered.get(number, 0)) for number, name, count in rows}

    def compact(self, tags: Iterable[int]) -> None:
        """Bring what waits of some counts into their rows."""
        self._store_more(self._buffer.take_counts(tags))

    def _store_more(self, deltas: Mapping[int, int]) -> None:
        rows = [(delta, number) for number, delta in deltas.items()]
        self._connection.executemany("UPDATE tag SET count=count+? WHERE id=?", rows)

    def _looked_up(self, names: set[str]) -> dict[str, int]:
        """What was looked up before, and these; none is remembered as unknown."""
        if len(self._by_name) > _NAMES_KEPT:
            self._by_name = {}
        missing = names.difference(self._by_name)
        if missing:
            self._by_name.update(self._some(missing))
        return self._by_name

    def _some(self, names: Iterable[str]) -> dict[str, int]:
        # no tag holds what SQLite cannot store
        fine = {
            name for name in names if name.isprintable() or not any(0xD800 <= ord(c) <= 0xDFFF for c in name)
        }
        query = f"SELECT name, id FROM tag WHERE name IN ({','.join('?' * len(fine))})"
        return dict(self._connection.execute(query, list(fine)).fetchall())

    def _known(self) -> dict[str, int]:
        if self._names is None:
            self._names = {row[0]: row[1] for row in self._connection.execute("SELECT name, id FROM tag")}
        return self._names

    def _last_id(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM tag").fetchone()[0])

    def _bump(self) -> None:
        self.generation()
        self._generation = os.urandom(8).hex()  # no counter: one rolled back could meet another process's
        self._classes = None
        row = (_GENERATION, self._generation)
        self._connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", row)

    def _stored_generation(self) -> str:
        row = self._connection.execute("SELECT value FROM setting WHERE key=?", (_GENERATION,)).fetchone()
        return row[0] if row else ""
