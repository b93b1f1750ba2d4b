"""Manifest header: what a manifest says but for its images, and its stored form, which is checked as it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast, get_args

from curator.contract.buckets import BucketRule, CropMode, Size
from curator.contract.caption.captions import CaptionRules, stored_rules
from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of
from curator.contract.manifest.file import ManifestFile, damaged

FORMAT = "frieze-manifest"
VERSION = 1  # a reader refuses a higher one; additions that older readers may ignore do not raise it
_MOST_SIDE = 1 << 16  # pixels of a bucket
_MOST_BUCKETS = 1 << 16
_DIGEST = re.compile("[0-9a-f]{64}")

# Where the loss of a subset's images counts: everywhere, by their alpha, or by an image `NAME-mask.png` beside them.
MaskMode = Literal["none", "alpha", "file"]
MASK_MODES: tuple[MaskMode, ...] = get_args(MaskMode)


@dataclass(frozen=True)
class ManifestSubset:
    """One concept of the training: where it came from and how its images are shown.

    `is_reg` marks regularisation images (class images that keep the base's idea of a class); how often they
    come was decided at the freeze and stands in the rows. `crop` says how the part beyond the bucket is cut.
    """

    name: str
    filter: str
    repeats: float
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)
    is_reg: bool = False
    crop: CropMode = "center"
    mask: MaskMode = "none"


@dataclass(frozen=True)
class Provenance:
    """Where a manifest came from. Sealed, but no part of the data digest, so equal data has an equal digest.

    `derived` is JSON: the words that rules gave to images, and the numbers they were cut at.
    """

    name: str
    created_at: str
    made_by: str
    index_commit: int
    funnel: tuple[tuple[str, int], ...]
    roots: tuple[str, ...]
    derived: str = ""


@dataclass(frozen=True)
class ManifestHeader:
    """Everything in a manifest but its rows."""

    rule: BucketRule
    buckets: tuple[Size, ...]
    subsets: tuple[ManifestSubset, ...]
    provenance: Provenance
    digest: str


def read_header(file: ManifestFile) -> ManifestHeader:
    """Everything but the rows.

    Raises:
        UserError: no manifest, a damaged one, or one of a newer version.
        KeyError: something is missing.
        ValueError: something is not what it has to be.
    """
    file.refuse_traps()
    query = "SELECT name, value FROM meta"
    meta = {
        name: object_of(f'{{"value": {value}}}')["value"] for name, value in file.rows(query, (), (str, str))
    }
    _check_version(file.path, meta)
    sizes = "SELECT width, height FROM bucket ORDER BY id"
    buckets = buckets_of(file.rows(sizes, kinds=(int, int)))
    subsets = file.rows("SELECT about FROM subset ORDER BY id", kinds=(str,))
    return ManifestHeader(
        rule_of(meta["rule"]),
        buckets,
        tuple(subset_of(object_of(about)) for (about,) in subsets),
        provenance_of(meta["provenance"]),
        digest_of(meta["digest"]),
    )


def _check_version(path: Path, meta: dict[str, Any]) -> None:
    shown, version = str(path), meta.get("version")
    if meta.get("format") != FORMAT:
        raise UserError(f"{shown} is no manifest", "make one with 'frieze freeze NAME'")
    if type(version) is not int or version < 1:
        raise damaged(path)
    if version > VERSION:
        raise UserError(
            f"{shown} has manifest version {version}; this Frieze reads up to {VERSION}", "update Frieze"
        )


def rule_of(about: object) -> BucketRule:
    """A bucket rule from its stored form; ValueError for what is none."""
    if not isinstance(about, dict) or any(type(each) is int and each > _MOST_SIDE for each in about.values()):
        raise ValueError("no rule, or one of sizes that no image has")
    return checked(BucketRule, cast("dict[str, Any]", about))


def buckets_of(sizes: Iterable[Sequence[int]]) -> tuple[Size, ...]:
    """Buckets from their stored form; ValueError for sizes that no training has."""
    buckets = tuple((width, height) for width, height in islice(sizes, _MOST_BUCKETS + 1))
    if len(buckets) > _MOST_BUCKETS or any(not 8 <= side <= _MOST_SIDE for size in buckets for side in size):
        raise ValueError("too many buckets, or one of a size that no image has")
    return buckets


def digest_of(about: object) -> str:
    """A digest in hexadecimal; ValueError for what is none."""
    if not isinstance(about, str) or not _DIGEST.fullmatch(about):
        raise ValueError("no digest")
    return about


def subset_of(about: dict[str, Any]) -> ManifestSubset:
    """A subset from its stored form; ValueError for what is none."""
    return checked(ManifestSubset, about)


def provenance_of(about: object) -> Provenance:
    """A provenance from its stored form; ValueError for what is none."""
    if not isinstance(about, dict):
        raise ValueError("no provenance")
    said = checked(Provenance, cast("dict[str, Any]", about), passes_over=True)
    roots = tuple(os.fsdecode(bytes.fromhex(root)) for root in said.roots)
    if any("\0" in root for root in roots):
        raise ValueError("a folder that none can be")
    return replace(said, roots=roots)


def stored_subset(subset: ManifestSubset) -> dict[str, Any]:
    """A subset as it is stored and digested."""
    return {**asdict(subset), "rules": stored_rules(subset.rules)}
