"""CPU threads of workers: they sleep while they wait, and are no more than the container may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curator.contract.run.cpu_threads import limit_cpu_threads

ROOT = Path(__file__).parents[3]
# Ends a worker at its first look for a heavy library, and prints what OpenMP would find.
_PROBE = """
import os, runpy, sys
class Look:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "onnxruntime", "tag_models.worker"):
            print(*(os.environ.get(each) for each in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")))
            sys.stdout.flush()
            os._exit(0)
sys.meta_path.insert(0, Look())
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
"""


@pytest.mark.parametrize(
    ("quota", "threads"),
    [
        ("max 100000", None),
        ("100000 100000", "1"),
        ("50000 100000", "1"),
        ("99999900000 100000", None),
        ("?", None),
    ],
)
def test_threads_are_as_many_as_the_container_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, threads: str | None
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    environment: dict[str, str] = {}
    limit_cpu_threads(environment, file)
    assert environment.get("OMP_NUM_THREADS") == threads
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


def test_what_the_user_set_stays(tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text("100000 100000")
    environment = {"OMP_NUM_THREADS": "6", "OMP_WAIT_POLICY": "ACTIVE"}
    limit_cpu_threads(environment, file)
    assert environment["OMP_NUM_THREADS"] == "6"
    assert environment["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("tag_models", ["job"]),
        ("train.programs.adapter_plan", []),
        ("train.programs.check_model", []),
        ("train.programs.workshop.convert_model", []),
        ("train.tiny.base", []),
        ("train.loop", []),  # what a run loads
        ("train.preview.samples", []),  # what the program that renders samples loads
        ("train.programs.verify_lora", []),
    ],
)
def test_a_worker_sets_it_before_a_library_loads_openmp(module: str, arguments: list[str]) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", _PROBE, module, *arguments]
    said = subprocess.run(command, cwd=ROOT, env=kept, input="", capture_output=True, text=True, check=False)
    assert said.stdout.split() == ["PASSIVE", "0", "0"], said.stderr
