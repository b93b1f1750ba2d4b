"""The digest of a manifest: a sha256 of its logical content.

The *digest* covers the data: rule, buckets, subsets, tags in order of their ids, and every row, block by block, then
where bucket, repeats and subset change. It is the same on every machine and for every copy made from the same choices.
The seal of the file (`manifest_seal`) covers what the digest does not: name, time, funnel, roots, and every byte of
the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from curator.contract.files.picture_file import file_sha256, picture_bytes
from curator.contract.manifest.header import ManifestSubset, Provenance, stored_subset
from curator.contract.manifest.seal import changed, verify_seal

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, Size
    from curator.contract.manifest.block import Block
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.manifest.span_rows import Part

_LENGTHS = struct.Struct("<5Q")


class Digest:
    """The digest while blocks are added in order."""

    def __init__(
        self,
        rule: BucketRule,
        buckets: Iterable[Size],
        subsets: Iterable[ManifestSubset],
        tags: Iterable[tuple[str, str]],
    ) -> None:
        header = {
            "rule": asdict(rule),
            "buckets": list(buckets),
            "subsets": [stored_subset(subset) for subset in subsets],
            "tags": list(tags),
        }
        self._hash = hashlib.sha256(canonical(header))

    def add(self, *blocks: Block) -> None:
        """Add the next blocks as they are stored."""
        self._hash.update(
            b"".join(piece for each in blocks for piece in (_LENGTHS.pack(*map(len, each)), *each))
        )

    def closed(self, parts: Iterable[Part]) -> str:
        """The digest in hexadecimal, after the last block."""
        self._hash.update(canonical([list(part) for part in parts]))
        return self._hash.hexdigest()


def provenance_json(provenance: Provenance) -> dict[str, Any]:
    """The stored form; roots in hexadecimal, since a folder's name need not be UTF-8."""
    return {**asdict(provenance), "roots": [os.fsencode(root).hex() for root in provenance.roots]}


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces and only ASCII: the same bytes on every machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def verify_digest(manifest: Manifest) -> None:
    """Check the seal, and that the rows give the digest that stands in the manifest.

    Raises:
        UserError: the content is not what was frozen.
    """
    verify_seal(manifest.path)
    header = manifest.header
    digest = Digest(header.rule, header.buckets, header.subsets, manifest.tag_classes().items())
    try:
        for block in manifest.blocks():
            digest.add(block)
    except (TypeError, ValueError, AttributeError) as error:
        raise changed(manifest.path) from error
    if digest.closed(manifest.parts) != header.digest:
        raise changed(manifest.path)


class FileProblem(NamedTuple):
    """An image that is not what it was at the freeze."""

    path: Path
    reason: str


def verify_files(manifest: Manifest, *, read_all: bool = True) -> Iterator[FileProblem | None]:
    """Check every image against the freeze, yielding None for a sound one and a problem for another.

    With `read_all` the bytes are hashed; without, only presence and file size are compared.
    """
    for image in manifest.images():
        path = manifest.file_of(image)
        reason = _problem(path, image.file_bytes, image.sha256 if read_all else None)
        yield FileProblem(path, reason) if reason else None


def _problem(path: Path, file_bytes: int, sha256: str | None) -> str:
    try:
        if picture_bytes(path) != file_bytes:
            return "its size changed since the freeze"
        if sha256 is not None and file_sha256(path) != sha256:
            return "its content changed since the freeze"
    except OSError as error:
        return (
            "it is gone" if isinstance(error, FileNotFoundError) else f"it cannot be read: {error.strerror}"
        )
    return ""
