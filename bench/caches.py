"""Caches of latents on disk: the look-up of a batch, what storing costs who computes, and a start with all there.

python bench/caches.py [--images 20000] [--side 64] [--folder DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from curator.contract.cache.groups import made_group
from train.cache.disk_store import DiskStore
from train.cache.disk_writer import Room

_BATCH = 64


def keys_of(count: int) -> list[bytes]:
    return [hashlib.blake2b(str(number).encode(), digest_size=16).digest() for number in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=64, help="of latents: 64 for images of 512 pixels")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="frieze-bench-", dir=asked.folder) as place:
        measure(Path(place), asked.images, asked.side)
        reference(Path(place), asked.side)


def measure(place: Path, images: int, side: int) -> None:
    group = made_group(place, "latents", ("bench", "sd1"), {"vae": "none"})
    room, keys = Room(place, spare_bytes=0), keys_of(images)
    entry = (torch.randn(2, 4, side, side).half(),)
    store = DiskStore(group, room, print, waits=True)
    puts: list[float] = []
    began = time.perf_counter()
    for key in keys:
        at = time.perf_counter()
        store.put(key, entry)
        puts.append(time.perf_counter() - at)
        time.sleep(0.0005)  # who computes takes far longer
    took = time.perf_counter() - began
    store.settle()
    store.close()
    print(
        f"put: median {median(puts) * 1e6:.0f} us, longest {max(puts) * 1e3:.1f} ms, {images / took:,.0f} a second"
    )
    began = time.perf_counter()
    store = DiskStore(group, room, print, waits=True)
    held = all(store.holds(keys))
    print(f"opened, and all {images:,} known to be there ({held}): {time.perf_counter() - began:.3f} s")
    for name, at_once in (
        ("together, first look, checksums compared", _BATCH),
        ("together, later looks", _BATCH),
        ("one by one, as a run reads its images", 1),
    ):
        by_clock: list[float] = []
        of_processor: list[float] = []
        for at in range(0, images - _BATCH + 1, _BATCH):
            wanted = [keys[each : each + at_once] for each in range(at, at + _BATCH, at_once)]
            start, start_cpu = time.perf_counter(), time.thread_time()
            found = [entry for some in wanted for entry in store.find(some)]
            of_processor.append(time.thread_time() - start_cpu)
            by_clock.append(time.perf_counter() - start)
            assert None not in found
        print(f"look-up of {_BATCH}, {name}: clock {_spread(by_clock)}; processor {_spread(of_processor)}")


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"median {median(ordered) * 1e3:.2f} ms, 95 % under {ordered[int(0.95 * len(ordered))] * 1e3:.2f} ms"
    )


def reference(place: Path, side: int) -> None:
    """A file of sd-scripts' for each image, as it reads them: no distribution, in float32, nothing compared."""
    for number in range(10 * _BATCH):
        np.savez(place / f"{number}.npz", latents=np.zeros((4, side, side), np.float32))
    finds: list[float] = []
    for _ in range(3):
        for at in range(0, 10 * _BATCH, _BATCH):
            start = time.perf_counter()
            for number in range(at, at + _BATCH):
                with np.load(place / f"{number}.npz") as file:
                    file["latents"]
            finds.append(time.perf_counter() - start)
    print(f"reference, {_BATCH} .npz files: median {median(finds) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
