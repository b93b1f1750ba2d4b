"""Cached latents written as kohya-ss/sd-scripts reads them: a file beside each image, the mean for its sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.contract.cache.entries import parts_of
from curator.contract.cache.kohya_npz import key_of, named_file
from curator.contract.cache.records import Record, checksum, records_of
from curator.contract.cache.subjects import latent_subject
from curator.contract.crops import corner_told
from curator.contract.errors import UserError
from curator.contract.files.picture_file import tar_of
from curator.contract.files.whole_files import replace_file

if TYPE_CHECKING:
    from curator.contract.cache.groups import Group
    from curator.contract.manifest.manifest import Manifest, ManifestImage
    from curator.contract.progress import Progress

_Found = dict[bytes, tuple[Path, Record]]


@dataclass
class Exported:
    """Files written, those that were there and stay, and images whose latents are not in the cache (or in a tar)."""

    written: int = 0
    there: int = 0
    missing: int = 0


def export_latents(
    group: Group, manifest: Manifest, progress: Progress, *, replace: bool, dry_run: bool
) -> Exported:
    """Write the latents of a manifest's images; with `dry_run` only count. `progress` hears images.

    Raises:
        UserError: a file cannot be written.
    """
    found = _by_subject(group)
    done = Exported()
    for number, image in enumerate(manifest.images(), start=1):
        path = manifest.file_of(image)
        target = named_file(path, image.size, group.about.family)
        data = None if tar_of(path) else _file(image, manifest, found)
        if data is None:
            done.missing += 1
        elif target.exists() and not replace:
            done.there += 1
        else:
            done.written += 1
            if not dry_run:
                _write(target, data)
        progress(number, len(manifest))
    return done


def _write(target: Path, data: bytes) -> None:
    try:
        replace_file(target, data)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror}", "mend its rights, or free space"
        ) from error


def _by_subject(group: Group) -> _Found:
    return {
        record.subject: (shard.data, record)
        for shard in group.shards
        for record in filter(None, records_of(shard.index))
    }


def _file(image: ManifestImage, manifest: Manifest, found: _Found) -> bytes | None:
    """The file of one image; None where the cache has not all that its subset shows."""
    subset, placement = manifest.header.subsets[image.subset], image.placement
    means = list(_means(image, manifest, found, flips=(False, True) if subset.flip else (False,)))
    if any(mean is None for mean in means):
        return None
    plain = means[0]
    assert plain is not None
    latents = (plain.shape[2], plain.shape[1])
    (left, top), (width, height) = (
        corner_told(image.size, placement, placement.crop, "letterbox", flip=False),
        placement.bucket,
    )
    arrays: dict[str, NDArray[np.generic]] = {
        "latents": plain,
        "original_size": np.array(image.size),
        "crop_ltrb": np.array([left, top, width - left, height - top]),
    }
    if len(means) > 1 and means[1] is not None:
        arrays["latents_flipped"] = means[1]
    buffer = BytesIO()
    np.savez(buffer, **{key_of(name, latents): array for name, array in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def _means(
    image: ManifestImage, manifest: Manifest, found: _Found, *, flips: tuple[bool, ...]
) -> Iterator[NDArray[np.float32] | None]:
    for flip in flips:
        subject = latent_subject(image.sha256, image.placement, manifest.header.rule.resample, flip=flip)
        yield _mean(*found[subject]) if subject in found else None


def _mean(path: Path, record: Record) -> NDArray[np.float32] | None:
    """The mean [c, h/8, w/8] of an entry; None where it is damaged."""
    with path.open("rb") as file:
        file.seek(record.offset)
        data = file.read(record.length)
    if checksum(data) != record.crc:
        return None
    part = parts_of(data)[0]
    if part.numbers == "bfloat16":  # the first half of a float32
        whole = np.frombuffer(data, "<u2", part.numbers_in_all, part.offset).astype("<u4") << np.uint32(16)
        return whole.view("<f4").reshape(part.shape)[0]
    numbers = {"float32": "<f4", "float16": "<f2"}[part.numbers]
    return (
        np.frombuffer(data, numbers, part.numbers_in_all, part.offset)
        .reshape(part.shape)[0]
        .astype(np.float32)
    )
