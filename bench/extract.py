"""Extraction of an adapter from two full-size models: seconds, processor time and peak memory, on random numbers.

    python -m bench.extract [--family sdxl|sd1|sd2] [--folder DIR] [--scale X] [--rule NAME=X]...

The tuned model is the base and other random numbers, so no layer is of low rank and each takes as long as it can.
`--scale` below 1 takes every so manyth tensor alone, in order: a sample of the layers. A rule is one of the options of
`frieze model extract`, such as rank=16 or sv_fro=0.9; without one: rank=16.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from bench.measure import Table
from bench.merge import write_models


def run(folder: Path, family: str, scale: float, ranks: dict[str, float]) -> Table:
    """One extraction in a process of its own."""
    table = Table()
    models = write_models(folder, family, scale, 2)
    print(f"{family}, {models[0].stat().st_size / 1e9:.2f} GB a model", flush=True)
    begun, clock = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "train.programs.workshop.extract_adapter", "--",
         *map(str, reversed(models)), str(folder / "out.safetensors")],
        input=json.dumps({"ranks": ranks}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    took, ended = time.perf_counter() - clock, os.times()
    report = json.loads(done.stdout.splitlines()[-1])["report"]
    layers = f"{len(report['layers']):,} layers, {report['randomised_layers']:,} by random directions"
    table.add(
        "extract " + ", ".join(f"{name} {value:g}" for name, value in ranks.items()), f"{took:.1f} s", layers
    )
    table.add("processor time", f"{sum(ended[2:4]) - sum(begun[2:4]):.1f} s", f"{os.cpu_count()} cores")
    table.add("peak memory", f"{getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
    table.add("error of all", f"{report['error']:.4f}")
    return table


def main() -> None:
    """Measure in a folder that is removed again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=("sd1", "sd2", "sdxl"), default="sdxl")
    parser.add_argument(
        "--folder", type=Path, help="where the models are written; default: the temporary one"
    )
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rule", action="append", metavar="NAME=X", help="default: rank=16")
    wanted = parser.parse_args()
    rules = [rule.partition("=") for rule in wanted.rule or ["rank=16"]]
    ranks = {name: int(value) if name.endswith("rank") else float(value) for name, _, value in rules}
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        print(run(Path(folder), wanted.family, wanted.scale, ranks).markdown())


if __name__ == "__main__":
    main()
