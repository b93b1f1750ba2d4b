"""Paths in the index: the file system's own bytes, with the root apart from the rest.

A name on disk is bytes and need not be UTF-8. Python hands such a name over as text with lone surrogates
(`surrogateescape`), which SQLite refuses as TEXT. So every path is stored as a BLOB of its bytes and is text
only inside the program; both ways are exact. Relative paths use `/`.
"""

from __future__ import annotations


def to_blob(path: str) -> bytes:
    """The bytes of a path as the file system knows them."""
    return path.encode("utf-8", "surrogateescape")


def from_blob(blob: bytes) -> str:
    """The path as Python's `os` functions take it."""
    return blob.decode("utf-8", "surrogateescape")


def last_part(path: str) -> str:
    """The file's own name."""
    return path.rpartition("/")[2]
