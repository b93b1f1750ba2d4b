"""Decides the tables of the index, as numbered steps that only go forward."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.database import Database

if TYPE_CHECKING:
    import sqlite_utils


def migrate(database: Database) -> None:
    """Bring an older index up to this program; an index of a newer program is refused untouched."""
    with database.reading() as connection:
        version = _version(connection)
    if version > len(STEPS):
        raise UserError(
            f"{visible(str(database.path))} was made by a newer frieze (format {version}, this one knows {len(STEPS)})",
            "update frieze to open it",
        )
    if version < len(STEPS):
        _step_up(database)


def _step_up(database: Database) -> None:
    import sqlite_utils  # 0.1 s to import, and needed only when the schema changes

    with database.writing(durable=True) as connection:
        for number in range(_version(connection), len(STEPS)):
            STEPS[number](sqlite_utils.Database(connection))
            connection.execute(f"PRAGMA user_version={number + 1}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _first_tables(db: sqlite_utils.Database) -> None:
    """Paths are BLOBs: the bytes the file system gave, which need not be UTF-8 (see `paths.py`)."""
    db.table("root").create({"id": int, "path": bytes}, pk="id", not_null={"path"})
    db.table("root").create_index(["path"], unique=True)
    image = {
        "id": int, "root": int, "path": bytes, "sha256": bytes, "content_key": int, "file_bytes": int,
        "width": int, "height": int, "mtime_ns": int, "format": int,
    }  # fmt: skip
    db.table("image").create(image, pk="id", not_null=set(image))
    db.table("image").create_index(["root", "path"], unique=True)
    db.table("image").create_index(["content_key"])
    db.table("image_text").create(
        {"id": int, "tags": bytes, "caption": str}, pk="id", not_null={"tags", "caption"}
    )
    tag = {"id": int, "name": str, "class": str, "count": int}
    db.table("tag").create(tag, pk="id", not_null=set(tag))
    db.table("tag").create_index(["name"], unique=True)
    db.table("bitmap").create({"key": int, "data": bytes}, pk="key", not_null={"data"})
    db.table("column_part").create({"key": int, "data": bytes}, pk="key", not_null={"data"})
    journal = {
        "id": int, "at": float, "actor": str, "kind": str, "what": str, "images_changed": int, "state": int,
        "target": int, "changes": bytes,
    }  # fmt: skip
    db.table("journal").create(journal, pk="id", not_null=set(journal))
    db.table("journal").create_index(["state", "id"])
    db.table("setting").create({"key": str, "value": str}, pk="key", not_null={"value"})
    subset = {
        "name": str, "position": int, "filter": str, "repeats": float, "loss_weight": float, "flip": int, "rules": str,
    }  # fmt: skip
    db.table("subset").create(subset, pk="name", not_null=set(subset))
    sidecar = {
        "image": int, "suffix": str, "mtime_ns": int, "file_bytes": int, "file_digest": bytes, "text_digest": bytes,
    }  # fmt: skip
    db.table("sidecar").create(sidecar, pk=("image", "suffix"), not_null=set(sidecar))
    quarantine = {"path": bytes, "reason": str, "at": float}
    db.table("quarantine").create(quarantine, pk="path", not_null=set(quarantine))


STEPS: tuple[Callable[[sqlite_utils.Database], None], ...] = (_first_tables,)
