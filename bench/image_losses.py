"""Losses of single images: what a run pays to write them down, and how long it takes to read them for a filter.

    python -m bench.image_losses [--rows 3600000] [--epochs 3]

The reference is the same in plain Python: the sum and count of each row in a dict.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from curator.contract.run.image_losses import RECORD, losses_file
from curator.contract.run.run_folder import RunFolder
from curator.filter.run_losses import losses_by_row
from train.states.image_losses import ImageLosses

_BATCH, _STEPS = 64, 2_000
_REFERENCE = 1_000_000  # records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_600_000)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frieze-bench-") as folder:
        run = RunFolder.create(Path(folder), "bench", "", Path(folder) / "none", "0" * 64)
        written(run.path / "losses")
        read(run, asked.rows, asked.epochs)


def written(folder: Path) -> None:
    losses = ImageLosses(folder, 1, 0, print)
    by_clock: list[float] = []
    began_cpu = time.process_time()
    for step in range(1, _STEPS + 1):
        began = time.perf_counter()
        losses.add(step, range(_BATCH), range(_BATCH), (0.5,) * _BATCH)
        by_clock.append(time.perf_counter() - began)
    processor = (time.process_time() - began_cpu) / _STEPS
    by_clock.sort()
    print(
        f"a step of {_BATCH} images: clock median {median(by_clock) * 1e6:.0f} us, 95 % under"
        f" {by_clock[int(0.95 * _STEPS)] * 1e6:.0f} us; processor"
        f" {processor * 1e6:.0f} us; {RECORD.size} bytes an image"
    )
    losses_file(folder, 1).unlink()


def read(run: RunFolder, rows: int, epochs: int) -> None:
    records = np.zeros(
        rows * epochs,
        [("step", "<u4"), ("row", "<u4"), ("loss", "<f4"), ("timestep", "<u2"), ("zero", "<u2")],
    )
    random = np.random.default_rng(0)
    records["step"] = np.arange(len(records)) // _BATCH + 1
    records["row"] = np.concatenate([random.permutation(rows) for _ in range(epochs)])
    records["timestep"] = random.integers(0, 1000, len(records))
    records["loss"] = random.random(len(records), np.float32)
    file = losses_file(run.path / "losses", 0)
    file.write_bytes(records.tobytes())
    began, began_cpu = time.perf_counter(), time.process_time()
    found = losses_by_row(run, rows)
    clock, processor = time.perf_counter() - began, time.process_time() - began_cpu
    assert int(found.seen.sum()) == len(records)
    print(f"{len(records):,} records of {rows:,} images read: {clock:.2f} s, processor {processor:.2f} s")
    began_cpu = time.process_time()
    sums: dict[int, tuple[float, int]] = {}
    for _, row, loss, _, _ in RECORD.iter_unpack(file.read_bytes()[: _REFERENCE * RECORD.size]):
        known, count = sums.get(row, (0.0, 0))
        sums[row] = (known + loss, count + 1)
    plain = (time.process_time() - began_cpu) * len(records) / min(_REFERENCE, len(records))
    print(f"the plain means in a dict of Python, by {_REFERENCE:,} of them: processor {plain:.1f} s")


if __name__ == "__main__":
    main()
