"""A block of 32 images of a manifest: packed, and one of them read.

A row an image would make a manifest of millions slow to write; blocks are written many times faster, and one image
is still read without the others. `numbers` holds a line of 23 signs (`signs.py`) an image, in the order of `NARROW`
and `WIDE`. Where the path, tags and text of an image end is counted in bytes from the block's beginning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from curator.contract.manifest.signs import (
    FIRST,
    GAP,
    SURROGATES,
    WIDE_BITS,
    encode_numbers,
    encode_wide,
    sql_number,
)

ROWS = 32
NARROW = ("root", "head", "tail")  # one sign each; head and tail count tags that never move
WIDE = (
    "width", "height", "resized_width", "resized_height", "crop_left", "crop_top", "file_bytes",
    "path_end", "tags_end", "text_end",
)  # fmt: skip
SIGNS = len(NARROW) + 2 * len(WIDE)  # of one image; a line break parts it from the next
LEAST_ROW_BYTES = SIGNS + 32  # of one image: its signs and its sha256
ENDS = 6  # the last so many signs say where path, tags and text end
DAMAGE = (  # where reading a garbled block ends
    ValueError, TypeError, AttributeError, IndexError, OverflowError, struct.error,
)  # fmt: skip
new_tuple = tuple.__new__  # a named tuple's own goes through a function of Python
_NO_LINE = encode_numbers([0] * SIGNS).encode()  # before the first one
# Of the line before, its ends; then the own one. A sign is 32 bits here, and a wide number a pair of them.
_ENDS_AND_LINE = struct.Struct(f">{ENDS // 2}Q{len(NARROW)}I{len(WIDE)}Q")
_BYTES, _unpack = _ENDS_AND_LINE.size, _ENDS_AND_LINE.unpack
_ALL_ZERO = int.from_bytes(encode_numbers([0] * (ENDS + SIGNS)).encode("utf-32-be"))
_GAP_BEGINS = SURROGATES - FIRST
_ONE_SIGN = 1 << 32


class Block(NamedTuple):
    """The columns of 32 images (fewer in the last block) as they are stored.

    `paths` are bytes as the file system gives them, one behind the other; `tags` a sign a tag and `texts` the free
    texts, in UTF-8.
    """

    numbers: bytes
    sha256: bytes
    paths: bytes
    tags: bytes
    texts: bytes


class PackedRow(NamedTuple):
    """One image of a block. `head` and `tail` count tags that never move, from either end."""

    root: int
    head: int
    tail: int
    width: int
    height: int
    resized_width: int
    resized_height: int
    crop_left: int
    crop_top: int
    file_bytes: int
    sha256: bytes
    path: bytes
    tags: str
    text: str


def packed(rows: Iterable[PackedRow]) -> Iterator[Block]:
    """All images in blocks."""
    some: list[PackedRow] = []
    for row in rows:
        some.append(row)
        if len(some) == ROWS:
            yield _block(some)
            some = []
    if some:
        yield _block(some)


def _block(rows: Sequence[PackedRow]) -> Block:
    lines: list[str] = []
    tags, texts = [row.tags.encode() for row in rows], [row.text.encode() for row in rows]
    path_end = tags_end = text_end = 0
    for row, own_tags, own_text in zip(rows, tags, texts, strict=True):
        path_end, tags_end = path_end + len(row.path), tags_end + len(own_tags)
        text_end += len(own_text)
        narrow = encode_numbers(getattr(row, name) for name in NARROW)
        sizes = "".join(encode_wide(getattr(row, name)) for name in WIDE[:-3])
        lines.append(narrow + sizes + encode_wide(path_end) + encode_wide(tags_end) + encode_wide(text_end))
    return Block(
        "\n".join(lines).encode(),
        b"".join(row.sha256 for row in rows),
        b"".join(row.path for row in rows),
        b"".join(tags),
        b"".join(texts),
    )


def unpacked(block: tuple[bytes, bytes, bytes, bytes, bytes], place: int) -> PackedRow:
    """The image at `place` (from 0) of a `Block`.

    Raises:
        DAMAGE: this is no block, or it is damaged. (Damage that leaves its lengths is seen by the seal alone.)
    """
    lines, sha256, paths, tags, texts = block
    own = lines.split(b"\n", place + 1)
    signs = ((own[place - 1] if place else _NO_LINE) + own[place]).decode()
    numbers = (int.from_bytes(signs[SIGNS - ENDS :].encode("utf-32-be")) - _ALL_ZERO).to_bytes(_BYTES)
    (
        path_begin, tags_begin, text_begin, root, head, tail, width, height, resized_width, resized_height,
        left, top, file_bytes, path_end, tags_end, text_end,
    ) = [
        pair if pair < _GAP_BEGINS else pair - GAP if pair < _ONE_SIGN else _number(pair)
        for pair in _unpack(numbers)
    ]  # fmt: skip
    own_sha256 = sha256[32 * place : 32 * place + 32]
    if not (
        path_begin <= path_end <= len(paths)
        and tags_begin <= tags_end <= len(tags)
        and text_begin <= text_end <= len(texts)
        and len(own_sha256) == 32
    ):
        raise ValueError("an image ends before it begins, or behind its block")
    own_path, own_tags = paths[path_begin:path_end], tags[tags_begin:tags_end].decode()
    return new_tuple(
        PackedRow,
        (
            root, head, tail, width, height, resized_width, resized_height, left, top, file_bytes, own_sha256,
            own_path, own_tags, texts[text_begin:text_end].decode() if text_end else "",
        ),
    )  # fmt: skip


def _number(pair: int) -> int:
    """The number of a pair of signs, each of which is too large by the gap if it stands behind it."""
    high, low = pair >> 32, pair & 0xFFFFFFFF
    if high >= _GAP_BEGINS:
        high -= GAP
    return high << WIDE_BITS | (low - GAP if low >= _GAP_BEGINS else low)


def image_view(parts: str) -> str:
    """The SQL of the view `image`: blocks as one row an image, for reading from other programs.

    `parts` is the name of the table that says bucket, repeats and subset of rows.
    """
    columns = {name: _sql_number(place) for place, name in enumerate(NARROW)}
    for place, name in enumerate(WIDE):
        first = len(NARROW) + 2 * place
        columns[name] = f"({_sql_number(first)} << {WIDE_BITS} | {_sql_number(first + 1)})"
    begins = {name: f"iif(slot, {_shifted(columns[f'{name}_end'])}, 0)" for name in ("path", "tags", "text")}
    given = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    begin = ", ".join(f"{value} AS {name}_begin" for name, value in begins.items())
    return f"""
CREATE VIEW image AS
WITH RECURSIVE place(slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM place WHERE slot < {ROWS - 1}),
block_text AS (SELECT id, CAST(numbers AS TEXT) AS numbers, sha256, paths, tags, texts FROM block),
packed AS (SELECT id * {ROWS} + slot AS row, block_text.*, slot, {given}, {begin}
    FROM block_text JOIN place ON slot < length(sha256) / 32),
said AS (SELECT *, CAST(substr(tags, tags_begin + 1, tags_end - tags_begin) AS TEXT) AS own FROM packed)
SELECT said.row, CAST(substr(paths, path_begin + 1, path_end - path_begin) AS TEXT) AS path, root,
    lower(hex(substr(sha256, 32 * slot + 1, 32))) AS sha256, file_bytes, said.width, said.height,
    bucket.width AS bucket_width, bucket.height AS bucket_height, resized_width, resized_height, crop_left, crop_top,
    subset.name AS subset, part.repeats, {_sql_names("1", "head")} AS head,
    {_sql_names("head + 1", "length(own) - tail")} AS middle,
    {_sql_names("length(own) - tail + 1", "length(own)")} AS tail,
    CAST(substr(texts, text_begin + 1, text_end - text_begin) AS TEXT) AS text
FROM said JOIN {parts} AS part
    ON part.first_row = (SELECT max(first_row) FROM {parts} WHERE first_row <= said.row)
JOIN bucket ON bucket.id = part.bucket JOIN subset ON subset.id = part.subset;
"""


def _sql_number(place: int) -> str:
    return sql_number(f"substr(numbers, slot * {SIGNS + 1} + {place + 1}, 1)")


def _shifted(column: str) -> str:
    """The same of the image before."""
    return column.replace("slot * ", "(slot - 1) * ")


def _sql_names(first: str, last: str) -> str:
    """Tags by their names, separated by commas."""
    return (
        f"(WITH RECURSIVE walk(at) AS (SELECT {first} WHERE {first} <= {last}"
        f" UNION ALL SELECT at + 1 FROM walk WHERE at < {last})"
        f" SELECT group_concat(tag.name, ', ') FROM walk JOIN tag ON tag.id = {sql_number('substr(own, at, 1)')})"
    )
