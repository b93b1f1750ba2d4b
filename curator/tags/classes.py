"""The classes of tags, and their order; a user may add classes of their own."""

from __future__ import annotations

CLASSES = (
    "count", "character", "copyright", "artist", "general", "meta", "rating", "quality", "date", "trigger",
)  # fmt: skip
