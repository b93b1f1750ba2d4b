"""Images as they will be once a plan's folders are scanned: those of the collection, and those that lie there now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from curator.contract.files.picture_file import tar_of
from curator.contract.files.regular_file import read_regular
from curator.index.images.sidecar_names import KINDS, kind_of, sidecar_name
from curator.interop.folders import entries, is_picture
from curator.interop.matching.names import spellings
from curator.scan.sidecars.beside import SidecarNames, is_sidecar
from curator.scan.sidecars.sidecar import MAX_BYTES, Sidecar, merged_annotations, read_sidecar

if TYPE_CHECKING:
    from curator.interop.matching.matcher import Matcher
    from curator.interop.plan import Record

Words = tuple[
    dict[int, tuple[str, ...]], dict[int, str]
]  # tags and captions by image, of those that have any


class ImageMatcher(Protocol):
    """Who says which image a record means, and which words it has."""

    def images(self, records: Sequence[Record]) -> list[int]:
        """A number for the image of each record; 0 where there is none."""
        ...

    def annotations_of(self, images: Sequence[int]) -> Words:
        """Tags and captions of some of them."""
        ...


class ExpectedImages:
    """What a `Matcher` will say after a scan of `folders`; images that are new have numbers below 0."""

    def __init__(self, folders: Sequence[Path], matcher: Matcher | None) -> None:
        self._tops = [f"{os.fspath(folder).rstrip('/')}/" for folder in folders]
        self._matcher = matcher
        self._beside = SidecarReader()
        self._new: list[str] = []  # of the batch; number -1 is the first

    def images(self, records: Sequence[Record]) -> list[int]:
        """Of what the folders hold, only what is there is found again; the rest is as the collection knows it."""
        known = self._matcher.images(records) if self._matcher else [0] * len(records)
        if not self._tops:
            return known
        self._new = []
        numbers: dict[str, int] = {}
        return [self._after(each, image, numbers) for each, image in zip(records, known, strict=True)]

    def annotations_of(self, images: Sequence[int]) -> Words:
        """Those of new images are what a scan reads beside them."""
        tags, captions = self._matcher.annotations_of(images) if self._matcher else ({}, {})
        for image in {image for image in images if image < 0}:
            words = self._beside.of(self._new[-image - 1])
            tags |= {image: words[0]} if words[0] else {}
            captions |= {image: words[1]} if words[1] else {}
        return tags, captions

    def _after(self, record: Record, image: int, numbers: dict[str, int]) -> int:
        top = next((top for top in self._tops if record.path.startswith(top)), None)
        if top is None or (image and tar_of(record.path)):  # what a tar holds is as the last scan found it
            return image
        path = _there(top, record.path[len(top) :])
        if not path or image:
            return image if path else 0
        if path not in numbers:
            self._new.append(path)
            numbers[path] = -len(self._new)
        return numbers[path]


class SidecarReader:
    """What a scan reads in the sidecars of images, asked for folder by folder."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._beside = SidecarNames()

    def of(self, picture: str | Path, kinds: Sequence[str] = KINDS) -> tuple[tuple[str, ...], str]:
        """Tags and caption of an image, from all sidecars or those of some kinds."""
        folder, name = os.path.split(picture)
        if folder != self._folder:
            self._folder, self._beside = folder, _listed(folder)
        found: list[Sidecar] = []
        for suffix in self._beside.of(name):
            if kind_of(suffix) not in kinds:
                continue
            try:
                data = read_regular(f"{folder}/{sidecar_name(name, suffix)}", limit_bytes=MAX_BYTES)
            except OSError:
                continue
            found.append(Sidecar._make(read_sidecar(suffix, data, len(data), 0)))
        words = merged_annotations(found)
        return words.tags or (), words.caption or ""


def _listed(folder: str) -> SidecarNames:
    beside = SidecarNames()
    for file in entries(Path(folder)):
        stem, ending = os.path.splitext(file.name)  # noqa: PTH122 - names that are no UTF-8 pass through
        if is_sidecar(ending):
            beside.add(stem, ending)
    return beside


def on_disk(folder: Path, path: str) -> str:
    """The image that a path in metadata means, below `folder` or elsewhere, or ""."""
    top = f"{os.fspath(folder).rstrip('/')}/"
    if not path.startswith(top):
        top = f"{os.path.dirname(path).rstrip('/')}/"  # noqa: PTH120 - names that are no UTF-8 pass through
    return _there(top, path[len(top) :])


def _there(top: str, relative: str) -> str:
    """The path of an image below a folder that a scan will find under this name, or ""."""
    for each in (relative, *spellings(relative)):
        is_hidden = each.startswith(".") or "/." in each
        try:
            if is_picture(each) and not is_hidden and os.path.isfile(top + each):  # noqa: PTH113 - for each of many
                return top + each
        except ValueError:  # a zero byte
            continue
    return ""
