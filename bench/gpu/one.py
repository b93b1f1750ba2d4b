"""One measurement of a GPU, in this process: `python -m bench.gpu.one CASE`, the case as JSON; its figures as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import torch

from bench.gpu.models import random_family
from bench.gpu.plan import SIDES, Case
from bench.gpu.steps import Step, step_of

_FIRST_STEPS = 100
_TINY_SIDE = 64


def main() -> int:
    """Print the figures of the asked job."""
    print(json.dumps(figures_of(json.loads(sys.argv[1]))))
    return 0


def figures_of(asked: dict[str, Any]) -> dict[str, Any]:
    """The figures of a case, or the device's own rates."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    if asked["what"] == "rates":
        return rates(device)
    case = Case(**asked["case"])
    family = random_family(case.family, device, tiny=asked["tiny"])
    side = _TINY_SIDE if asked["tiny"] else SIDES[case.family]
    step = step_of(case, family, device, side)
    return measured(step, case.batch, device, asked["seconds"], asked["steps"])


def measured(step: Step, batch: int, device: torch.device, seconds: float, most: int) -> dict[str, Any]:
    """Images a second: of the first steps, begun cold, and of those after them, in at most so many seconds."""
    began = time.perf_counter()
    step()
    _settle(device)
    cold, number, begun = time.perf_counter() - began, 0, time.perf_counter()
    first: tuple[int, float] | None = None
    while number < most and (time.perf_counter() - begun < seconds or number == 0):
        step()
        number += 1
        if device.type == "cuda" and number % 8 == 0:
            _settle(device)  # the host is ahead: what counts is what is done
        if first is None and (number >= _FIRST_STEPS or time.perf_counter() - begun > seconds / 2):
            _settle(device)
            first = number, time.perf_counter() - begun
    _settle(device)
    took = time.perf_counter() - begun
    first = first if first and first[0] < number else (0, 0.0)
    return {
        "first_step_seconds": cold,
        "first_steps": 1 + (first[0] or number),
        "first_images_per_second": batch * (1 + (first[0] or number)) / (cold + (first[1] or took)),
        "images_per_second": batch * (number - first[0]) / (took - first[1]),
        "steps": number - first[0],
        "peak_bytes": _peak(device),
    }


def rates(device: torch.device) -> dict[str, Any]:
    """What the card does at best: products of bf16 matrices, and bytes copied within it."""
    on_gpu = device.type == "cuda"
    side, count = (8192, 1 << 30) if on_gpu else (256, 1 << 22)
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    data, there = (torch.empty(count, dtype=torch.uint8, device=device) for _ in range(2))
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else "CPU",
        "memory_bytes": torch.cuda.get_device_properties(device).total_memory if on_gpu else None,
        "torch": torch.__version__,
        "bf16_tflops": 2 * side**3 / _best(lambda: one @ one, device) / 1e12,
        "copy_gb_per_second": 2 * count / _best(lambda: there.copy_(data), device) / 1e9,
    }


def _best(action: Step, device: torch.device) -> float:
    """The least seconds of one, among rounds of ten."""
    found: list[float] = []
    for _ in range(5):
        _settle(device)
        began = time.perf_counter()
        for _ in range(10):
            action()
        _settle(device)
        found.append((time.perf_counter() - began) / 10)
    return min(found)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
