"""All measurements of a GPU, one after another, into one JSON file: `bench/gpu/run.sh [FILE] [--smoke]`.

Each is a process of its own with a time limit, so that one that fails costs no other; the file is written anew after
each. What no time is left for is named as not run. A smoke test takes its tiny models one after another in this
process: imports would be nearly all of its time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from bench.gpu.plan import IDEAL_TFLOP, Case, plan, smoke
from train import quiet

_STEPS_S, _SMOKE_STEPS_S = 8.0, 0.5  # of steps, for each measurement
_RATES_S = 300.0  # at most; a busy CPU takes long for the imports
_START_S = 25.0  # imports, and a model of true size made on the card


def main() -> int:
    """Measure; 0 where all that was run gave figures."""
    asked = _parser().parse_args()
    quiet.before_imports()
    if asked.seconds is None:
        asked.seconds = _SMOKE_STEPS_S if asked.smoke else _STEPS_S
    until = time.monotonic() + asked.minutes * 60
    rates = _process({"what": "rates"}, _RATES_S)
    found: dict[str, Any] = {"smoke": asked.smoke, "rates": rates, "measurements": []}
    for told in _measured(asked, until, rates):
        found["measurements"].append(told)
        asked.file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        print(_line(told), flush=True)
    return int("failed" in rates or any("failed" in told for told in found["measurements"]))


def _measured(asked: argparse.Namespace, until: float, rates: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for case in islice(smoke() if asked.smoke else plan(), asked.first):
        about = asdict(case)
        left = until - time.monotonic()
        if left < _START_S + asked.seconds and not asked.smoke:
            yield {**about, "not_run": "no time was left"}
            continue
        job = {
            "what": "case",
            "case": about,
            "tiny": asked.smoke,
            "seconds": asked.seconds,
            "steps": asked.steps,
        }
        figures = _here(job) if asked.smoke else _process(job, min(left, case.limit_s + _START_S))
        yield {**about, **figures, **_share(case, figures, rates)}


def _process(job: dict[str, Any], limit_s: float) -> dict[str, Any]:
    """The figures of a job, or why it has none."""
    command = [sys.executable, "-m", "bench.gpu.one", json.dumps(job)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"longer than {limit_s:.0f} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        return {"failed": f"{last[0][:300]} (code {done.returncode})"}
    return json.loads(done.stdout.splitlines()[-1])


def _here(job: dict[str, Any]) -> dict[str, Any]:
    """As `_process`, without a process; memory at most is then that of all jobs so far."""
    from bench.gpu.one import figures_of  # noqa: PLC0415  # imports for seconds what processes import themselves

    try:
        return figures_of(job)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told, and the next one is measured
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


def _share(case: Case, figures: dict[str, Any], rates: dict[str, Any]) -> dict[str, float]:
    """The products that a step must have, beside the card's own rate; none on a CPU, where models are tiny."""
    ideal = IDEAL_TFLOP.get((case.family, case.trains))
    if rates.get("device", "CPU") == "CPU" or ideal is None or "images_per_second" not in figures:
        return {}
    tflops = figures["images_per_second"] * ideal
    return {"ideal_tflops": tflops, "share_of_bf16_rate": tflops / rates["bf16_tflops"]}


def _line(told: dict[str, Any]) -> str:
    name = f"{told['family']} {told['trains']} b{told['batch']} {told['who']}"
    ways = [told["compile"]] if told["compile"] != "off" else []
    ways += [key for key in ("checkpointing", "channels_last") if told[key]]
    said = told.get("failed") or told.get("not_run") or f"{told['images_per_second']:.2f} images/s"
    return f"{' '.join([name, *ways]):50} {said}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/gpu/run.sh", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("gpu.json"))
    parser.add_argument("--smoke", action="store_true", help="tiny models, also on a CPU")
    parser.add_argument("--minutes", type=float, default=7.5, help="for all of it")
    parser.add_argument(
        "--seconds", type=float, help="of steps, for each measurement; default: 8, 0.5 with --smoke"
    )
    parser.add_argument("--first", type=int, help="so many measurements alone")
    parser.add_argument("--steps", type=int, default=1 << 30, help="at most, for each measurement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
