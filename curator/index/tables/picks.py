"""Picks: sets of images by name, with how they were made. No tags: a caption never holds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.index.changes.records import BYTES, read

if TYPE_CHECKING:
    from curator.index.changes.record_paths import Record
    from curator.index.file.database import Database
    from curator.index.tables.record_edits import RecordEdits


class Pick(NamedTuple):
    """A saved set of images; `about` says how it was made."""

    name: str
    images: BitMap
    about: str


class PickTable:
    """The saved picks of a collection. Each change is an edit that can be undone."""

    def __init__(self, database: Database, edits: RecordEdits) -> None:
        self._database = database
        self._edits = edits

    def list(self) -> list[Pick]:
        """All of them, by name."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, images, about FROM pick ORDER BY name").fetchall()
        return [Pick(name, BitMap.deserialize(images), about) for name, images, about in rows]

    def get(self, name: str) -> Pick | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT images, about FROM pick WHERE name=?", (name,)).fetchone()
        return Pick(name, BitMap.deserialize(row[0]), row[1]) if row else None

    def save(self, pick: Pick, *, replace: bool = True) -> bool:
        """Keep a pick; whether it was not kept so already.

        Raises:
            UserError: without `replace`, the name means other images.
        """
        if not pick.name.strip():
            raise UserError("a pick needs a name", "give one")
        with self._database.writing(durable=True) as connection:
            before = read(connection, "pick", pick.name)
            if before == _record(pick):
                return False
            if before and not replace:
                raise UserError(
                    f"there is a pick '{pick.name}' of other images",
                    "give another name, or replace it with --replace",
                )
            done = f"pick {visible(pick.name)}: {counted(len(pick.images))}"
            if before is not None:
                done += f" in place of {len(BitMap.deserialize(BYTES.from_json(before['images']))):,}"
            self._edits.change("pick", pick.name, before, _record(pick), done)
        return True

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing(durable=True) as connection:
            before = read(connection, "pick", name)
            self._edits.change("pick", name, before, None)
        return before is not None


def _record(pick: Pick) -> Record:
    return {"images": BYTES.to_json(pick.images.serialize()), "about": pick.about}


def pick_filter(name: str) -> str:
    """The filter that names the images of a pick."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'picked:"{quoted}"'
