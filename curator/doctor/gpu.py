"""GPU: what the driver tells of it, and what PyTorch sees, asked in a process of its own that has a limit of time."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from curator.doctor.finding import Checked, fault, gap, ok
from curator.runs.words import bytes_in_words

PART = "gpu"
PROGRAM: Sequence[str] = ("-m", "train.programs.devices")
_DRIVER_LIMIT_S, _TORCH_LIMIT_S = 10.0, 90.0
_QUERY = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.used,driver_version",
    "--format=csv,noheader,nounits",
)
_CPU_BUILD = "pip install torch for CUDA: pytorch.org says how"


@dataclass
class Asked:
    """Questions on their way: the driver's program and PyTorch's run while all else is looked at."""

    driver: subprocess.Popen[str] | None
    torch: subprocess.Popen[str] | None
    has_torch: bool


def ask(*, quick: bool) -> Asked:
    """Begin to ask; with `quick` PyTorch is not started."""
    has_torch = importlib.util.find_spec("torch") is not None
    return Asked(
        _started(_QUERY),
        _started([sys.executable, *PROGRAM]) if has_torch and not quick else None,
        has_torch,
    )


def gpu_checks(asked: Asked) -> Iterator[Checked]:
    """What came of it."""
    gpus = _gpus(asked.driver)
    if not gpus:
        hint = "training, tag models and samples work on the CPU, slowly; with a GPU of NVIDIA install its driver"
        yield gap(PART, "driver", "no GPU of NVIDIA is known to a driver", hint)
    for number, (name, total, used, driver) in enumerate(gpus):
        yield ok(PART, f"cuda:{number}", f"{name}, {total} MiB, {used} MiB of them in use; driver {driver}")
    if not asked.has_torch:
        yield gap(PART, "torch", "not installed", "pip install 'frieze[train]'")
    elif asked.torch is not None:
        yield from _torch(asked.torch, has_gpu=bool(gpus))


def _torch(process: subprocess.Popen[str], *, has_gpu: bool) -> Iterator[Checked]:
    said, problem = _answer(process, _TORCH_LIMIT_S)
    if problem:
        yield fault(
            PART, "torch", f"does not start: {problem}", "pip install --force-reinstall 'frieze[train]'"
        )
        return
    about: dict[str, Any] = json.loads(said)
    build = f"for CUDA {about['cuda']}" if about["cuda"] else "for the CPU alone"
    found = f"{about['torch']}, built {build}"
    if about["devices"]:
        seen = ", ".join(
            f"{each['name']} ({bytes_in_words(each['memory_bytes'])}{', bf16' if each['bf16'] else ''})"
            for each in about["devices"]
        )
        yield ok(PART, "torch", f"{found}; sees {seen}")
    elif has_gpu:
        hint = (
            _CPU_BUILD
            if not about["cuda"]
            else "the driver may be too old for it; see $CUDA_VISIBLE_DEVICES too"
        )
        yield fault(PART, "torch", f"{found}; sees no GPU", hint)
    else:
        yield ok(PART, "torch", f"{found}; trains on the CPU")


def _gpus(process: subprocess.Popen[str] | None) -> list[tuple[str, str, str, str]]:
    if process is None:
        return []
    said, problem = _answer(process, _DRIVER_LIMIT_S)
    rows = [tuple(cell.strip() for cell in line.split(",")) for line in said.splitlines()]
    return [(row[0], row[1], row[2], row[3]) for row in rows if len(row) == 4 and not problem]


def _started(words: Sequence[str]) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            env=os.environ | {"PYTHONSAFEPATH": "1"},  # files of the current folder are not ours to run
        )  # fmt: skip
    except OSError:
        return None


def _answer(process: subprocess.Popen[str], limit_s: float) -> tuple[str, str]:
    """What a program said, and why it said nothing; one that takes too long is ended."""
    try:
        said, complaints = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "", f"no answer within {limit_s:g} seconds"
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        lines = complaints.strip().splitlines()
        return "", lines[-1][:200] if lines else f"it ended with {process.returncode}"
    return said, ""
