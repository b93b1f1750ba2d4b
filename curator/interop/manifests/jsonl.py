"""A manifest as JSON lines, and such a file made the very same manifest again.

The first line holds all that is not an image; each further line is an image, in training order. Names that are no
UTF-8 are kept as lone surrogates in ASCII escapes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from curator.contract.buckets import BucketRule, Placement
from curator.contract.caption.captions import CaptionParts
from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.manifest.digest import provenance_json
from curator.contract.manifest.header import buckets_of, provenance_of, rule_of, stored_subset, subset_of
from curator.contract.manifest.manifest import Manifest, ManifestImage, open_manifest
from curator.contract.manifest.writer import ManifestContent, write_manifest
from curator.contract.progress import Progress, silent
from curator.interop.dumps.row_files import json_lines
from curator.interop.manifests.walked import walked

FORMAT = "frieze-manifest-jsonl"
VERSION = 1
_TELL_EVERY = 500


def write_jsonl(manifest: Manifest, file: TextIO, progress: Progress | None = None) -> None:
    """The whole manifest, a line an image."""
    header = manifest.header
    first: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "digest": manifest.digest,
        "rule": {name: getattr(header.rule, name) for name in BucketRule.__dataclass_fields__},
        "buckets": header.buckets,
        "subsets": [stored_subset(subset) for subset in header.subsets],
        "tags": manifest.tag_classes(),
        "provenance": provenance_json(header.provenance),
    }
    file.write(json.dumps(first) + "\n")
    for image in walked(manifest, progress):
        file.write(json.dumps(_as_json(image)) + "\n")


def read_jsonl(file: Path, manifest: Path, progress: Progress = silent, *, replace: bool = False) -> str:
    """Make the manifest that `file` was exported from; gives its digest.

    `progress` hears images; how many there are in all (0) is not known before.

    Raises:
        UserError: the file is no export, is cut short, or was changed.
    """
    lines = _told(json_lines(file), progress)
    _, header = next(lines, (0, None))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UserError(f"{file} is no exported manifest", "give one made by 'frieze manifest export'")
    if header.get("version") != VERSION:
        raise UserError(f"{file} has version {header.get('version')}", "update Frieze")
    try:
        with drafted_file(manifest, replace=replace) as draft:
            digest = write_manifest(draft, _content(file, header, lines))
            if digest != header["digest"]:
                raise UserError(f"{file} was changed or cut short", "export the manifest again")
            _open_once(file, draft)
    except TakenError:
        raise UserError(f"there is a manifest {manifest}", "choose another name") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise _broken(file) from error
    return digest


def _told(lines: Iterator[tuple[int, Any]], progress: Progress) -> Iterator[tuple[int, Any]]:
    for number, value in lines:
        if number % _TELL_EVERY == 0:
            progress(number, 0)
        yield number, value


def _content(file: Path, header: dict[str, Any], lines: Iterator[tuple[int, Any]]) -> ManifestContent:
    buckets = buckets_of(header["buckets"])
    return ManifestContent(
        rule=rule_of(header["rule"]),
        buckets=buckets,
        subsets=tuple(subset_of(each) for each in header["subsets"]),
        tags=header["tags"],
        images=(_image(file, number, value, buckets) for number, value in lines),
        provenance=provenance_of(header["provenance"]),
    )


def _open_once(file: Path, draft: Path) -> None:
    """A digest that fits does not say that there is sense in it."""
    try:
        with open_manifest(draft, checks_seal=False) as made:
            for _ in made.images():
                pass
    except UserError as error:
        raise _broken(file) from error


def _as_json(image: ManifestImage) -> dict[str, Any]:
    placement, parts = image.placement, image.parts
    return {
        "path": image.path,
        "root": image.root,
        "sha256": image.sha256,
        "file_bytes": image.file_bytes,
        "size": image.size,
        "bucket": image.bucket,
        "resized": placement.resized,
        "crop": placement.crop,
        "subset": image.subset,
        "repeats": image.repeats,
        "head": parts.head,
        "middle": parts.middle,
        "tail": parts.tail,
        "text": parts.text,
    }


def _image(file: Path, number: int, value: Any, buckets: tuple[tuple[int, int], ...]) -> ManifestImage:
    if not isinstance(value, dict):
        raise UserError(f"line {number} of {file} is no JSON object", "it is cut short or changed")
    left, top, right, bottom = value["crop"]
    width, height = value["resized"]
    return ManifestImage(
        path=value["path"],
        root=value["root"],
        sha256=value["sha256"],
        file_bytes=value["file_bytes"],
        size=(value["size"][0], value["size"][1]),
        bucket=value["bucket"],
        placement=Placement(buckets[value["bucket"]], (width, height), (left, top, right, bottom)),
        subset=value["subset"],
        repeats=value["repeats"],
        parts=CaptionParts(tuple(value["head"]), tuple(value["middle"]), tuple(value["tail"]), value["text"]),
    )


def _broken(file: Path) -> UserError:
    return UserError(f"{file} is damaged", "export the manifest again")
