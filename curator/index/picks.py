"""Decides how picks are kept: sets of images by name, with how they were made. No tags: a caption never holds one."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.index.database import Database


@dataclass(frozen=True)
class Pick:
    """A saved set of images; `about` says how it was made."""

    name: str
    images: BitMap
    about: str


class PickTable:
    """The saved picks of a collection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[Pick]:
        """All of them, by name."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, images, about FROM pick ORDER BY name").fetchall()
        return [Pick(name, BitMap.deserialize(images), about) for name, images, about in rows]

    def get(self, name: str) -> Pick | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT images, about FROM pick WHERE name=?", (name,)).fetchone()
        return Pick(name, BitMap.deserialize(row[0]), row[1]) if row else None

    def save(self, pick: Pick) -> None:
        """Keep a pick, in place of the one with its name."""
        if not pick.name.strip():
            raise UserError("a pick needs a name", "give one")
        with self._database.writing(durable=True) as connection:
            row = (pick.name, pick.images.serialize(), pick.about)
            connection.execute("INSERT OR REPLACE INTO pick(name, images, about) VALUES(?,?,?)", row)

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing(durable=True) as connection:
            return connection.execute("DELETE FROM pick WHERE name=?", (name,)).rowcount > 0


def pick_filter(name: str) -> str:
    """The filter that names the images of a pick."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'picked:"{quoted}"'
