"""Decides when two manifests are equal: a sha256 of their logical content.

The *digest* covers the data: rule, buckets, subsets, tags and every image row, in canonical order. It is the
same on every machine and for every copy made from the same choices. The seal of the file (`manifest_seal`) covers
what the digest does not: name, time, funnel, roots, and every byte of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from curator.contract.buckets import BucketRule, Size
from curator.contract.manifest import Manifest, ManifestSubset, Provenance, stored_subset
from curator.contract.manifest_seal import changed, verify_seal
from curator.contract.span_rows import SpanGatherer

_NUMBERS = struct.Struct("<IQIIIIIiiId5I")
_READ_BYTES = 1 << 20


class Digest:
    """The digest while rows are added in order."""

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

    def add(self, row: tuple[Any, ...]) -> None:
        """Add one image row as it is stored."""
        path, root, sha, file_bytes, width, height, bucket, *rest = row
        resized_width, resized_height, left, top, subset, repeats, head, middle, tail, text = rest
        name, words = os.fsencode(path), text.encode("utf-8", "surrogatepass")
        lengths = (len(name), len(head), len(middle), len(tail), len(words))
        sizes = (root, file_bytes, width, height, bucket, resized_width, resized_height, left, top)
        numbers = _NUMBERS.pack(*sizes, subset, repeats, *lengths)
        self._hash.update(b"".join((numbers, sha, name, head, middle, tail, words)))

    def hex(self) -> str:
        return self._hash.hexdigest()


def provenance_json(provenance: Provenance) -> dict[str, Any]:
    """The stored form; roots in hexadecimal, since a folder's name need not be UTF-8."""
    return {**asdict(provenance), "roots": [os.fsencode(root).hex() for root in provenance.roots]}


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces and only ASCII: the same bytes on every machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def verify_digest(manifest: Manifest) -> None:
    """Check the seal, and that the rows give the digest and the spans that stand in the manifest.

    Raises:
        UserError: the content is not what was frozen.
    """
    verify_seal(manifest.path)
    header = manifest.header
    digest = Digest(header.rule, header.buckets, header.subsets, manifest.tag_classes().items())
    spans = SpanGatherer()
    try:
        for row in manifest.raw_images():
            digest.add(row)
            spans.add(row[6], row[12])
    except (struct.error, TypeError, ValueError, AttributeError) as error:
        raise changed(manifest.path) from error
    if digest.hex() != header.digest or spans.closed() != manifest.spans:
        raise changed(manifest.path)


class FileProblem(NamedTuple):
    """A picture that is not what it was at the freeze."""

    path: Path
    reason: str


def verify_files(manifest: Manifest, *, read_all: bool = True) -> Iterator[FileProblem | None]:
    """Check every picture against the freeze, yielding None for a sound one and a problem for another.

    With `read_all` the bytes are hashed; without, only presence and file size are compared.
    """
    for image in manifest.images():
        path = manifest.file_of(image)
        reason = _problem(path, image.file_bytes, image.sha256 if read_all else None)
        yield FileProblem(path, reason) if reason else None


def _problem(path: Path, file_bytes: int, sha256: str | None) -> str:
    try:
        if path.stat().st_size != file_bytes:
            return "its size changed since the freeze"
        if sha256 is not None and file_sha256(path) != sha256:
            return "its content changed since the freeze"
    except OSError as error:
        return (
            "it is gone" if isinstance(error, FileNotFoundError) else f"it cannot be read: {error.strerror}"
        )
    return ""


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
