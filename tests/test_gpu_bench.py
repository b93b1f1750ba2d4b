"""The measurements for a GPU, on tiny models: every kind of step runs, and one failure costs no other."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from bench.gpu.models import random_family
from bench.gpu.one import measured
from bench.gpu.plan import IDEAL_TFLOP, Case, plan, smoke
from bench.gpu.steps import step_of

ROOT = Path(__file__).parents[1]
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "case", smoke(), ids=lambda case: f"{case.family} {case.trains} {case.who} {case.checkpointing}"
)
def test_every_kind_of_step_runs(case: Case) -> None:
    torch.set_num_threads(1)
    step = step_of(replace(case, batch=1), random_family(case.family, CPU, tiny=True), CPU, 64)
    told = measured(step, 1, CPU, seconds=0.0, most=1)
    assert told["steps"] == 1
    assert told["images_per_second"] > 0
    assert told["peak_bytes"] > 0


def test_the_plan_has_each_figure_beside_the_plain_loop() -> None:
    """S071: full, LoRA and LoKr of all families, batches from 1 to 16, compiled and not, checkpointed and not."""
    cases = list(plan())
    for family, trains in (
        ("sd1", "full"),
        ("sd2", "full"),
        ("sdxl", "full"),
        ("sdxl", "lora"),
        ("sdxl", "lokr"),
    ):
        case = next(
            case for case in cases if (case.family, case.trains, case.who) == (family, trains, "frieze")
        )
        assert case.beside in cases
        assert (family, trains) in IDEAL_TFLOP
    assert {1, 4, 8, 16} <= {case.batch for case in cases}
    assert {"off", "regional", "whole"} == {case.compile for case in cases}
    assert {True, False} == {case.checkpointing for case in cases}


@pytest.mark.slow
def test_one_script_writes_one_file(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    asked = ["--smoke", "--steps", "1", "--seconds", "0", "--first", "1"]
    done = subprocess.run(
        [ROOT / "bench" / "gpu" / "run.sh", file, *asked],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(file.read_text())
    assert told["rates"]["bf16_tflops"] > 0
    (first,) = told["measurements"]
    assert first["images_per_second"] > 0
    assert {key: first[key] for key in asdict(next(smoke()))} == asdict(next(smoke()))


@pytest.mark.slow
def test_a_failure_is_told_and_costs_no_other(tmp_path: Path, monkeypatch) -> None:
    from bench.gpu import __main__ as script

    monkeypatch.setattr(
        script, "smoke", lambda: iter([Case("no such family", "full", 1), Case("sdxl", "vae", 1)])
    )
    file = tmp_path / "gpu.json"
    monkeypatch.setattr(sys, "argv", ["run.sh", str(file), "--smoke", "--steps", "1", "--seconds", "0"])
    monkeypatch.chdir(ROOT)
    assert script.main() == 1
    broken, whole = json.loads(file.read_text())["measurements"]
    assert "no such family" in broken["failed"]
    assert whole["images_per_second"] > 0
