"""Findings about files before a freeze: lost ones, and faces and masks that a subset counts on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyroaring import BitMap

from curator.contract.buckets import face_in
from curator.contract.files.picture_file import has_picture
from curator.contract.files.tar_members import is_tar
from curator.contract.text import counted, visible
from curator.freeze.checks.finding import Finding, PictureFilters

MASKS = ("-mask.png", "-masklabel.png")
_LOOKED_AT = 256


def lost_files(filters: PictureFilters) -> Iterator[Finding]:
    """Roots that are not there, and files of a sample; a full check is a scan, or `frieze manifest verify`."""
    collection = filters.collection
    lost = [root for root in collection.images.roots() if not Path(root).is_dir() and not is_tar(root)]
    for root in lost:
        yield Finding("stop", f"the folder {visible(root)} is gone", "mount it, or scan its new place")
    frozen = filters.members.frozen()
    if lost or not frozen:
        return
    some = [frozen[at * len(frozen) // _LOOKED_AT] for at in range(min(_LOOKED_AT, len(frozen)))]
    some = some if len(frozen) > _LOOKED_AT else list(frozen)
    gone = [row.id for row in collection.rows(some) if not has_picture(row.full_path)]
    if gone:
        what = f"{counted(len(gone), f'of {len(some)} files looked at is', f'of {len(some)} files looked at are')} gone"
        yield Finding("warn", what, "scan again: a training refuses lost files", filters.of(BitMap(gone)))


def unnamed_faces(filters: PictureFilters) -> Iterator[Finding]:
    """Crops around a face where a name tells of none."""
    for number, subset in enumerate(filters.spec.subsets):
        if subset.crop == "face":
            own = filters.members.frozen_of(number)
            without = [image for image, path in filters.reader.paths(own) if not face_in(path)]
            if without:
                of_all = f"of {counted(len(own), 'name')}"
                they = counted(len(without), f"{of_all} tells", f"{of_all} tell")
                what = f"subset {subset.name}: {they} of no face"
                named = filters.among(filters.frozen_of(number), without, "")
                yield Finding("warn", what, "name files as NAME_cx_cy_w_h.png", named)


def masks(filters: PictureFilters) -> Iterator[Finding]:
    """Masks that are missing, and those that would be trained as images themselves."""
    for number, subset in enumerate(filters.spec.subsets):
        if subset.mask != "file":
            continue
        own = filters.members.frozen_of(number)
        paths = list(filters.reader.paths(own))
        taken = [image for image, path in paths if path.endswith(MASKS)]
        if taken:
            they = counted(
                len(taken), "mask would be trained as an image", "masks would be trained as images"
            )
            what = f"subset {subset.name}: {they}"
            named = filters.among(filters.frozen_of(number), taken, r"name:/-mask(label)?\.png$/")
            yield Finding("warn", what, "add " + r"-name:/-mask(label)?\.png$/ to its filter", named)
        without = [
            image
            for image, path in paths
            if not path.endswith(MASKS) and not any(has_picture(_stem(path) + each) for each in MASKS)
        ]
        if without:
            of_all = f"of {counted(len(own))}"
            they = counted(
                len(without), f"{of_all} has no mask and counts", f"{of_all} have no mask and count"
            )
            what = f"subset {subset.name}: {they} whole"
            hint = "a mask stands beside NAME.png as NAME-mask.png or NAME-masklabel.png"
            named = filters.among(filters.frozen_of(number), without, r"-name:/-mask(label)?\.png$/")
            yield Finding("warn", what, hint, named)


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)
