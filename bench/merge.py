"""Merges of full-size models beside the disk: bytes moved a second against a plain copy, and peak memory.

    python -m bench.merge [--family sdxl|sd1] [--folder DIR] [--scale X]

Two models of random float16 numbers are written first, under the names and shapes of the family; `--scale` below 1
takes every so manyth tensor alone, where the disk is small. A merge reads two files and writes one, a copy reads one
and writes one: both are given in bytes read and written a second, cold, the result on the disk. The goal is 80 % of the
copy's rate, and less memory than three of the largest tensors in float32 and 500 MB.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from bench.measure import Table, evict
from curator.contract.files.whole_files import flush_to_disk
from curator.contract.recipe.recipe import Model
from train.families.empty import empty_family
from train.models.save import single_file_plan
from train.weights.tensor_writer import Kept, in_order, write_pieces

GOAL = 0.8
_RECIPE = 'method = "{method}"\nmodels = [{models}]\n'
_CHILD = (
    "import resource, sys\n"
    "from train.programs.merge_models import main\n"
    "code = main(sys.argv[1:])\n"
    "sys.stderr.write(f'PEAK {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}')\n"
    "sys.exit(code)\n"
)


def write_models(folder: Path, family: str, scale: float, count: int) -> list[Path]:
    """Models of the family's names and shapes, each of other numbers."""
    plan = single_file_plan(empty_family(family, Model()))
    every = max(1, round(1 / scale))
    tensors = {name: Kept(torch.float16, plan[name].shape) for name in sorted(plan)[::every]}
    paths = [folder / f"{number}.safetensors" for number in range(count)]
    for number, path in enumerate(paths):
        draw = torch.Generator().manual_seed(number)
        row = torch.randn(1 << 20, generator=draw).half() * 0.05
        pieces = (_filled(tensors[name], row) for name in in_order(tensors))
        write_pieces(path, tensors, pieces, {"format": "pt"})
    return paths


def _filled(kept: Kept, row: torch.Tensor) -> torch.Tensor:
    """As many numbers as the tensor has, the same ones again and again."""
    count = torch.Size(kept.shape).numel()
    return row.repeat(count // len(row) + 1)[:count].reshape(kept.shape)


def cold(paths: list[Path], work: Callable[[], object], made: Path) -> float:
    """Seconds until `made` is on the disk, its sources not in memory before."""
    for path in paths:
        evict(path)
    begun = time.perf_counter()
    work()
    flush_to_disk(made)
    return time.perf_counter() - begun


def merged(models: list[Path], out: Path, method: str) -> int:
    """Merge in a process of its own; its peak memory in bytes."""
    quoted = ", ".join(f'"{model}"' for model in models)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, "--replace", str(out)],
        input=_RECIPE.format(method=method, models=quoted),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.rpartition("PEAK ")[2]) * 1024


def largest_bytes(family: str) -> int:
    """The largest tensor in float32."""
    plan = single_file_plan(empty_family(family, Model()))
    return max(torch.Size(each.shape).numel() for each in plan.values()) * 4


def run(folder: Path, family: str, scale: float) -> Table:
    """All figures."""
    table = Table()
    models = write_models(folder, family, scale, 3)
    size = models[0].stat().st_size
    out, copy = folder / "out.safetensors", folder / "copy.safetensors"
    limit = 3 * largest_bytes(family) + 500e6
    print(f"{family}, {size / 1e9:.2f} GB a model", flush=True)
    for method, count in (("weighted-sum", 2), ("add-difference", 3), ("ties", 3)):
        copying = cold(models[:1], lambda: shutil.copyfile(models[0], copy), copy)
        copy.unlink()
        peak = [0]

        def work(method: str = method, count: int = count, peak: list[int] = peak) -> None:
            peak[0] = merged(models[:count], out, method)

        merging = cold(models[:count], work, out)
        rate, reference = (count + 1) * size / merging / 1e6, 2 * size / copying / 1e6
        table.add(
            f"{method}: {merging:.1f} s", f"{rate:,.0f} MB/s", f"copy {reference:,.0f} MB/s, {copying:.1f} s",
            f"{rate / reference:.0%} of {GOAL:.0%}",
        )  # fmt: skip
        table.add(f"{method}: peak memory", f"{peak[0] / 1e6:,.0f} MB", "", f"below {limit / 1e6:,.0f} MB")
    return table


def main() -> None:
    """Measure in a folder that is removed again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=("sd1", "sd2", "sdxl"), default="sdxl")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary one")
    parser.add_argument("--scale", type=float, default=1.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        print(run(Path(folder), wanted.family, wanted.scale).markdown())


if __name__ == "__main__":
    main()
