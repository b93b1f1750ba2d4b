"""Number fields as arrays indexed by image id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from curator.arrays import np
from curator.filter.language.fields import is_loss, is_score, run_name, score_name
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import Flag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.collection import Collection

Numbers: TypeAlias = "NDArray[Any]"
_OF_POSTS = ("post", "rating", "score", "fav", "posted")
_COLUMNS = {
    "width": "width", "height": "height", "bytes": "file_bytes", "tags": "tags_count", "date": "mtime_ns",
}  # fmt: skip
DATE_UNITS = 1_000_000_000  # dates of files are compared in nanoseconds, as they are stored


def numbers(collection: Collection, field: str, ids: Numbers | None = None) -> Numbers:
    """The values of `field` for these images, or per image id (`date` in nanoseconds since 1970)."""

    def of(name: str) -> Numbers:
        column = collection.columns.of(name)
        return column if ids is None else column[ids]

    if field in _COLUMNS:
        return of(_COLUMNS[field])
    if field in _OF_POSTS or is_score(field):
        length = len(collection.columns.of("width"))
        values = (
            collection.scores.of(score_name(field), length)
            if is_score(field)
            else collection.metadata.floats(field, length)
        )
        return values if ids is None else values[ids]
    if is_loss(field):
        from curator.filter.run_losses import losses_by_image

        values = losses_by_image(collection, run_name(field), len(collection.columns.of("width")))
        return values if ids is None else values[ids]
    match field:
        case "area":
            return of("width").astype(np.int64) * of("height")
        case "megapixels":
            return of("width").astype(np.int64) * of("height") / 1e6
        case "ratio":
            return of("width") / np.maximum(of("height"), 1)
        case "mark":
            marks = _marks(collection)
            return marks if ids is None else marks[ids]
        case _:
            return np.arange(len(collection.columns.of("width"))) if ids is None else ids


def _marks(collection: Collection) -> Numbers:
    values = np.zeros(len(collection.columns.of("width")), np.int8)
    for flag, value in ((Flag.KEEP, 1), (Flag.REJECT, -1)):
        values[id_array(collection.bitmaps.of(flag))] = value
    return values
