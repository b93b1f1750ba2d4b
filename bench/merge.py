"""Merges and bakes of full-size models beside the disk: bytes moved a second against a plain copy, and peak memory.

    python -m bench.merge [--family sdxl|sd1] [--folder DIR] [--scale X] [WORK...]

WORK is of weighted-sum, bake, add-difference and ties; the first two unless said. As many models of random float16
numbers are written first as the work takes, under the names and shapes of the family, and for a bake a LoRA of rank 16
on all layers of attention; `--scale` below 1 takes every so manyth tensor alone, where the disk is small. A merge reads
its models and writes one, a copy reads one and writes one: both are given in bytes read and written a second, cold, the
result on the disk; what moves the same bytes as a copy is given beside the copies before and after it, of which the
mean counts. The goal is 80 % of the copy's rate, and less memory than three of the largest tensors in float32 and
500 MB.
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
from train.weights.lora_file import write_lora
from train.weights.tensor_writer import Kept, in_order, write_pieces
from train.workshop.adapters.sites import Sites
from train.workshop.model_file import open_file

GOAL = 0.8
WORK = {"weighted-sum": 2, "bake": 1, "add-difference": 3, "ties": 3}  # how many models each reads
_RANK = 16
_ADAPTED = (".attentions.", ".self_attn.", ".mlp.")
# What the system counts of a child begins with its parent's memory; the status tells its own.
_CHILD = (
    "import importlib, sys\n"
    "from pathlib import Path\n"
    "main = importlib.import_module(f'train.programs.workshop.{sys.argv.pop(1)}').main\n"
    "code = main(sys.argv[1:])\n"
    "memory = Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]\n"
    "sys.stderr.write(f'PEAK {memory}')\n"
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


def write_adapter(path: Path, model: Path, family: str) -> None:
    """A LoRA on all layers of attention and their neighbours that the model has."""
    tensors: dict[str, torch.Tensor] = {}
    draw = torch.Generator().manual_seed(0)
    for site in Sites(open_file(model).shapes, family).all:
        if len(site.shape) != 2 or not any(block in site.path for block in _ADAPTED):
            continue
        tensors[f"{site.name}.lora_down.weight"] = torch.randn(_RANK, site.shape[1], generator=draw) * 0.02
        tensors[f"{site.name}.lora_up.weight"] = torch.randn(site.shape[0], _RANK, generator=draw) * 0.02
    write_lora(path, tensors, {}, "fp16")


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


def made(work: str, models: list[Path], adapter: Path, out: Path) -> int:
    """Merge or bake in a process of its own; its peak memory in bytes."""
    quoted = ", ".join(f'"{model}"' for model in models)
    recipe, program = f'method = "{work}"\nmodels = [{quoted}]\n', "merge_models"
    if work == "bake":
        recipe, program = (
            f'model = "{models[0]}"\nadapters = ["{adapter}"]\nratios = ["0.8"]\n',
            "bake_adapters",
        )
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, program, "--replace", str(out)],
        input=recipe,
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


def run(folder: Path, family: str, scale: float, works: list[str]) -> Table:
    """All figures."""
    table = Table()
    models = write_models(folder, family, scale, max(WORK[work] for work in works))
    adapter = folder / "adapter.safetensors"
    if "bake" in works:
        write_adapter(adapter, models[0], family)
    size = models[0].stat().st_size
    out = folder / "out.safetensors"
    limit = 3 * largest_bytes(family) + 500e6
    print(f"{family}, {size / 1e9:.2f} GB a model", flush=True)
    before = _copying(models[0], out)
    for work in works:
        mine = models[: WORK[work]]
        peak = 0

        def act(work: str = work, mine: list[Path] = mine) -> None:
            nonlocal peak
            peak = made(work, mine, adapter, out)

        begun = os.times()
        took = cold(mine, act, out)
        ended = os.times()
        out.unlink()
        after = _copying(models[0], out)
        copying, before = (before + after) / 2, after
        rate, reference = (len(mine) + 1) * size / took / 1e6, 2 * size / copying / 1e6
        table.add(
            f"{work}: {took:.1f} s", f"{rate:,.0f} MB/s", f"copy {reference:,.0f} MB/s, {copying:.1f} s",
            f"{rate / reference:.0%} of {GOAL:.0%}",
        )  # fmt: skip
        busy = sum(ended[2:4]) - sum(begun[2:4])  # of the child
        table.add(f"{work}: processor time", f"{busy:.1f} s", f"{os.cpu_count()} cores")
        table.add(f"{work}: peak memory", f"{peak / 1e6:,.0f} MB", "", f"below {limit / 1e6:,.0f} MB")
    return table


def _copying(model: Path, out: Path) -> float:
    """Seconds of a plain copy, which is removed again."""
    seconds = cold([model], lambda: shutil.copyfile(model, out), out)
    out.unlink()
    return seconds


def main() -> None:
    """Measure in a folder that is removed again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=("sd1", "sd2", "sdxl"), default="sdxl")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary one")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("work", nargs="*", metavar="WORK", help=f"of {', '.join(WORK)}")
    wanted = parser.parse_args()
    works = wanted.work or ["weighted-sum", "bake"]
    if strange := sorted(set(works) - WORK.keys()):
        parser.error(f"no work is called {strange[0]}: give some of {', '.join(WORK)}")
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        print(run(Path(folder), wanted.family, wanted.scale, works).markdown())


if __name__ == "__main__":
    main()
