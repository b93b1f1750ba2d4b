"""Tags that rules have put on images, remembered so that those of people are never touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyroaring import BitMap

if TYPE_CHECKING:
    from curator.index.file.database import Database


class RuleTags:
    """Images by kind of rule and tag id. What is recorded counts only while the image still has the tag."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_kind(self, kind: str) -> dict[int, BitMap]:
        """The images on which rules of this kind put each tag."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT tag, images FROM rule_tag WHERE kind=?", (kind,)).fetchall()
        return {tag: BitMap.deserialize(images) for tag, images in rows}

    def of(self, tag: int) -> BitMap:
        """The images on which a rule of any kind put a tag."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT images FROM rule_tag WHERE tag=?", (tag,)).fetchall()
        return BitMap().union(*(BitMap.deserialize(row[0]) for row in rows))

    def put(self, kind: str, images: Mapping[int, BitMap]) -> None:
        """Record anew which images have tags by rules of this kind."""
        rows = [(kind, tag, each.serialize()) for tag, each in images.items() if each]
        with self._database.writing(durable=True) as connection:
            connection.execute("DELETE FROM rule_tag WHERE kind=?", (kind,))
            connection.executemany("INSERT INTO rule_tag(kind, tag, images) VALUES(?,?,?)", rows)
