"""Losses of single images in a run: folded from its records, a block at a time, and looked up by content.

How hard an image is to predict depends on the timestep far more than on the image, so each loss is compared with the
mean of its part of the timesteps: `loss` is the mean of these ratios, times the mean loss of the whole run. Memory is
bounded by the images, not by the samples: records are mapped from the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from curator.arrays import np
from curator.contract import locations
from curator.contract.errors import UserError, did_you_mean
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.image_losses import RECORD, losses_files
from curator.contract.run.run_folder import RunFolder, RunInfo
from curator.filter.language.fields import is_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.collection import Collection

Numbers: TypeAlias = "NDArray[np.float64]"
_RECORD = [("step", "<u4"), ("row", "<u4"), ("loss", "<f4"), ("timestep", "<u2"), ("rest", "<u2")]
_BLOCK = 1 << 20  # records folded at once
_PARTS = 64  # of 1,024 timesteps
_WIDTH = 16
_SMALL = 1 << 24  # bytes of records and manifest that are read while somebody waits
_KEPT = 4  # runs whose losses stay in memory


@dataclass(frozen=True)
class RowLosses:
    """By manifest row: how often it was trained, its loss, and its loss in the first and the second half of the run.

    NaN where it was never trained.
    """

    seen: NDArray[np.int64]
    loss: Numbers
    early: Numbers
    late: Numbers


@dataclass(frozen=True)
class _Known:
    """What was folded of a run as it was then: content keys, ascending, and the loss of each; by image, too."""

    stamp: object
    contents: NDArray[np.uint64]
    losses: Numbers
    by_image: tuple[object, Numbers] | None = None


_known: dict[Path, _Known] = {}
_looked_at: set[Path] = set()  # folders of runs whose newest was looked at


def losses_by_row(run: RunFolder, rows: int) -> RowLosses:
    """The losses of a run's images; `rows` are the manifest's.

    Raises:
        UserError: there are none.
    """
    parts = np.zeros((2, _PARTS))
    first, last = 2**32, 0
    for block in _blocks(run, rows):
        part = np.minimum(block["timestep"] // _WIDTH, _PARTS - 1)
        parts[0] += np.bincount(part, minlength=_PARTS)
        parts[1] += np.bincount(part, block["loss"], _PARTS)
        first, last = min(first, int(block["step"].min())), max(last, int(block["step"].max()))
    if not last:
        raise UserError(
            f"the run {run.path.name} has no losses of single images",
            "they are kept while a run trains; runs of an older Frieze have none",
        )
    means = np.divide(parts[1], parts[0], out=np.ones(_PARTS), where=parts[1] > 0)
    counts, sums = np.zeros((2, rows)), np.zeros((2, rows))  # of the first half and the second
    for block in _blocks(run, rows):
        ratio = block["loss"] / means[np.minimum(block["timestep"] // _WIDTH, _PARTS - 1)]
        is_late = block["step"] > (first + last) // 2
        for half in (0, 1):
            mine = is_late == bool(half)
            counts[half] += np.bincount(block["row"][mine], minlength=rows)
            sums[half] += np.bincount(block["row"][mine], ratio[mine], rows)
    mean = parts[1].sum() / parts[0].sum()

    def of(total: Numbers, count: Numbers) -> Numbers:
        return np.divide(total, count, out=np.full(rows, np.nan), where=count > 0) * mean

    return RowLosses(
        counts.sum(axis=0).astype(np.int64), of(sums.sum(axis=0), counts.sum(axis=0)),
        of(sums[0], counts[0]), of(sums[1], counts[1]),
    )  # fmt: skip


def losses_by_image(collection: Collection, name: str, length: int) -> Numbers:
    """The loss of each image in the run of that name, by image id; NaN where it was not trained, or changed since.

    Raises:
        UserError: no such run in the collection, or it has no such losses.
    """
    run = _run_called(locations.runs_folder(collection.folder), name)
    known = _folded(run)
    state = (collection.journal.last_file_change(), length)
    if known.by_image is None or known.by_image[0] != state:
        values = _looked_up(known, collection.columns.of("content")[:length])
        known = _Known(known.stamp, known.contents, known.losses, (state, values))
        _keep(run.path, known)
    assert known.by_image is not None
    return known.by_image[1]


def loss_of(run: RunFolder, sha256: str) -> float | None:
    """The loss of one image by the sha256 of its file; None where the run did not train it, or has no losses."""
    try:
        known = _folded(run)
    except UserError:
        return None
    at = int(np.searchsorted(known.contents, np.uint64(int(sha256[:16], 16))))
    is_there = at < len(known.contents) and int(known.contents[at]) == int(sha256[:16], 16)
    return float(known.losses[at]) if is_there else None


def remembered_losses(collection: Collection, sha256: str) -> dict[str, float]:
    """`loss(RUN)` of an image in the runs whose losses are in memory: those a filter named, and the newest if small.

    `sha256` is of its file.
    """
    folder = locations.runs_folder(collection.folder)
    if folder not in _looked_at:
        _looked_at.add(folder)
        _remember_newest(folder)
    runs = [RunFolder(path) for path in _known if path.parent == folder]
    return {f"loss({run.info().name})": loss for run in runs if (loss := loss_of(run, sha256)) is not None}


def losses_in_runs(collection: Collection, sha256: str) -> dict[str, float]:
    """`loss(RUN)` of an image in the newest runs that trained it; `sha256` is of its file."""
    known = _runs_below(locations.runs_folder(collection.folder))
    newest = sorted(known, key=lambda run: known[run].created_at, reverse=True)[:_KEPT]
    return {f"loss({known[run].name})": loss for run in newest if (loss := loss_of(run, sha256)) is not None}


def _remember_newest(folder: Path) -> None:
    """Fold the newest run that has losses, where that takes no time."""
    known = _runs_below(folder)
    for run in sorted(known, key=lambda run: known[run].created_at, reverse=True):
        if files := losses_files(run.path / locations.IMAGE_LOSSES):
            with suppress(UserError, OSError):
                sizes = [file.stat().st_size for file in (*files.values(), Path(known[run].manifest))]
                if sum(sizes) < _SMALL:
                    _folded(run)
            return


def _folded(run: RunFolder) -> _Known:
    stamp = _stamp(run)
    known = _known.get(run.path)
    if known is None or known.stamp != stamp:
        contents = contents_of(run)
        rows = losses_by_row(run, len(contents))
        known = _Known(stamp, *_by_content(contents, rows))
        _keep(run.path, known)
    return known


def _keep(path: Path, known: _Known) -> None:
    _known.pop(path, None)
    _known[path] = known
    for oldest in list(_known)[:-_KEPT]:
        _known.pop(oldest, None)


def contents_of(run: RunFolder) -> NDArray[np.uint64]:
    """The first 8 bytes of the sha256 of each manifest row, as a number."""
    with open_manifest(Path(run.info().manifest), checks_seal=False) as manifest:
        data = b"".join(block.sha256 for block in manifest.blocks())
    return np.frombuffer(data, ">u8")[::4].astype(np.uint64)


def _by_content(contents: NDArray[np.uint64], rows: RowLosses) -> tuple[NDArray[np.uint64], Numbers]:
    """An image in several subsets has several rows: its loss is the mean of all its samples."""
    trained = rows.seen > 0
    keys, place = np.unique(contents[trained], return_inverse=True)
    seen = rows.seen[trained]
    total = np.bincount(place, rows.loss[trained] * seen, len(keys))
    return keys, total / np.bincount(place, seen, len(keys))


def _looked_up(known: _Known, content: NDArray[Any]) -> Numbers:
    values = np.full(len(content), np.nan)
    if len(known.contents):
        at = np.minimum(np.searchsorted(known.contents, content.astype(np.uint64)), len(known.contents) - 1)
        is_there = known.contents[at] == content
        values[is_there] = known.losses[at[is_there]]
    return values


def _blocks(run: RunFolder, rows: int) -> Iterator[NDArray[Any]]:
    """Records that can be true, some at a time; what a machine that went down left is passed over."""
    for file in losses_files(run.path / locations.IMAGE_LOSSES).values():
        count = file.stat().st_size // RECORD.size
        records = np.memmap(file, _RECORD, "r", shape=(count,)) if count else ()
        for at in range(0, count, _BLOCK):
            block = np.asarray(records[at : at + _BLOCK])
            good = (block["step"] > 0) & (block["row"] < rows) & np.isfinite(block["loss"])
            if good.any():
                yield block[good]


def _stamp(run: RunFolder) -> object:
    files = losses_files(run.path / locations.IMAGE_LOSSES).values()
    return tuple((file.name, (about := file.stat()).st_size, about.st_mtime_ns) for file in files)


def runs_with_losses(collection: Collection) -> list[str]:
    """The names of the collection's runs that have losses of single images, and can stand in a filter."""
    known = _runs_below(locations.runs_folder(collection.folder))
    names = {info.name for run, info in known.items() if losses_files(run.path / locations.IMAGE_LOSSES)}
    return sorted(name for name in names if is_loss(f"loss({name})"))


def _run_called(folder: Path, name: str) -> RunFolder:
    """The run of that name, or of that folder, without regard to case; of several the newest."""
    known = _runs_below(folder)
    wanted = name.lower()
    found = [run for run, info in known.items() if wanted in (run.path.name.lower(), info.name.lower())]
    if not found:
        raise UserError(
            f"there is no run '{name}'", did_you_mean(name, (info.name for info in known.values()))
        )
    return max(found, key=lambda run: (known[run].created_at, len(run.path.name), run.path.name))


def _runs_below(folder: Path) -> dict[RunFolder, RunInfo]:
    known: dict[RunFolder, RunInfo] = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            known[RunFolder(place)] = RunFolder(place).info()
        except UserError:
            continue  # damaged, or no run
    return known
