"""How a number is spread over images: a field of the filter, the year, the tokens of a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from curator.arrays import np
from curator.contract.errors import UserError, did_you_mean
from curator.filter.cancel import Cancel, raise_if_cancelled
from curator.filter.histogram import Bar, histogram
from curator.filter.language.fields import is_named
from curator.filter.numbers import DATE_UNITS, numbers
from curator.index.changes.changes import id_array

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyroaring import BitMap

    from curator.index.collection import Collection

TOKENS, YEAR = "tokens", "year"
_WHOLE = ("width", "height", "bytes", "tags", "score", "fav")
FIELDS = (*_WHOLE, "area", "megapixels", "ratio", TOKENS, YEAR)
_SAMPLE = 5_000  # captions whose tokens are counted
_PIECE = 500


class Spread(NamedTuple):
    """Bars of `field`, the images looked at, and those of them that have such a number.

    A year is that of the post where any of them is known, else that of the file: `field` is `posted` or `date`.
    """

    field: str
    bars: list[Bar]
    looked_at: int
    known: int


def spread(collection: Collection, field: str, images: BitMap, cancel: Cancel | None = None) -> Spread:
    """How `field` is spread over images, of captions over a sample drawn evenly.

    Raises:
        UserError: it is no number, or there is no score of that name.
        Cancelled: `cancel` said so.
    """
    if field not in FIELDS and not is_named(field):
        raise UserError(f"'{field}' is no number that images have", did_you_mean(field, FIELDS))
    with collection.reading():
        ids = id_array(images)
        if field == YEAR:
            field, values = _years(collection, ids)
        elif field == TOKENS:
            ids = ids[:: max(1, -(-len(ids) // _SAMPLE))]
            values = _tokens(collection, ids, cancel)
        else:
            values = numbers(collection, field, ids).astype(np.float64)
    is_whole = field in (*_WHOLE, TOKENS, "posted", "date")
    bars = histogram(values, 1.0 if is_whole else 0.0)
    return Spread(field, bars, len(ids), int(np.count_nonzero(np.isfinite(values))))


def _years(collection: Collection, ids: NDArray[Any]) -> tuple[str, NDArray[np.float64]]:
    posted = numbers(collection, "posted", ids).astype(np.float64)
    if np.isfinite(posted).any():
        return "posted", _year_of(posted)
    return "date", _year_of(numbers(collection, "date", ids) / DATE_UNITS)


def _year_of(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    is_known = np.isfinite(seconds)
    years = np.full(len(seconds), np.nan)
    years[is_known] = (
        seconds[is_known].astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970
    )
    return years


def _tokens(collection: Collection, ids: NDArray[Any], cancel: Cancel | None) -> NDArray[np.float64]:
    """Of captions as they are without rules: the tags, then the free text."""
    from curator.contract.caption.clip_tokens import count_tokens

    found: list[int] = []
    for start in range(0, len(ids), _PIECE):
        raise_if_cancelled(cancel)
        piece = ids[start : start + _PIECE].tolist()
        rows = {row.id: row.caption for row in collection.rows(piece)}
        for image, names in zip(piece, collection.tag_names(piece), strict=True):
            text = rows.get(image, "")
            found.append(count_tokens(", ".join([*names, *([text] if text else [])])))
    return np.array(found, np.float64)
