"""The time of a step on images as a run reads them, beside the same step on batches that lie in memory.

    OMP_NUM_THREADS=1 python -m bench.feed [--step-ms 100] [--steps 100] [--rounds 3]

The device is a stand-in that sleeps, so that a step takes as long as it is told; all else is a run's own loop: plan,
captions, reading or look-up, noise, events, losses of images. The two take turns; steps are compared by their median.
What a dashboard says of the time to the end after 50 steps is compared with when it came.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from PIL import Image

from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.event_log import EventLog, read_events
from curator.contract.run.events import StepDone
from curator.contract.run.stop_signals import StopSignals
from curator.runs import launch
from curator.runs.fold import RunFold
from train.clock import Clock
from train.loop import train
from train.prepare.job import prepare
from train.report import Reporter
from train.step import Outcome
from train.tiny import base

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder
    from train.data.micro_batch import ReadyBatch
    from train.step import Taken

_IMAGES = 32
_SIDES = ((640, 512), (512, 640), (600, 600))
_BATCH, _RESIDENT = 8, 12
_WARM = 10  # steps that are not counted
_TOLD_AFTER = 50


class _Steps:
    """A device that takes a fixed time for a step; when each was handed to it, and what the host did meanwhile."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begun: list[float] = []

    def take(self, batch: ReadyBatch) -> Taken:
        self.begun.append(time.perf_counter())
        time.sleep(self._seconds)
        outcome = Outcome(0.5, 1.0, image_losses=(0.5,) * len(batch.rows))
        step = SimpleNamespace(is_here=True, overflowed_at=None, bad=None, outcome=lambda: outcome)
        return cast("Taken", step)

    def times(self) -> list[float]:
        """Of each step, from when it was begun to when the next was."""
        counted = self.begun[_WARM:]
        return [after - before for before, after in pairwise(counted)]


def made(home: Path) -> Path:
    """Images with tags, frozen; a tiny base model beside them."""
    base.save(base.build(seed=0), home / "base")
    (home / "images").mkdir()
    for number in range(_IMAGES):
        width, height = _SIDES[number % len(_SIDES)]
        dots = np.random.default_rng(number).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
        picture = Image.fromarray(dots).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(home / "images" / f"{number}.jpg", quality=90)
        (home / "images" / f"{number}.txt").write_text("1girl, solo, red hair, smile, outdoors, hat", "utf-8")
    for words in (
        ("scan", "images", "--collection", "."),
        ("subset", "put", "all", "", "--shuffle"),
        ("freeze", "all", "--resolution", "512"),
    ):
        subprocess.run([sys.executable, "-m", "curator", *words], cwd=home, check=True, capture_output=True)
    return home / "manifests" / "all.manifest"


class Told(NamedTuple):
    """Of a run: times of its steps, processor time of all of it for each, and how far off its end was foretold."""

    times: list[float]
    processor: float
    off: float


def steps_of(
    home: Path, manifest: Path, steps: int, seconds: float, sets: tuple[str, ...], *, resident: bool
) -> Told:
    """A run of so many steps; on batches that lie in memory, if `resident`."""
    knobs = (
        f"model.path={home / 'base'}", "adapter.rank=2", "precision.mixed=fp32",
        f"batch.size={_BATCH}", "length.epochs=0", f"length.steps={steps}", *sets,
    )  # fmt: skip
    (home / "empty.toml").write_text("")
    run = launch.start_new(
        home / "runs", manifest, load_recipe(str(home / "empty.toml"), knobs), "a", begins=False
    )
    device = _Steps(seconds)
    with run.hold():
        log = EventLog(run.events_path)
        job = prepare(run, lambda _: Reporter(log), StopSignals())
        stepper = {field.name: getattr(job.stepper, field.name) for field in fields(job.stepper)}
        job = replace(job, stepper=cast("Any", SimpleNamespace(**stepper, take=device.take)))
        if resident:
            kept = list(job.data.feed.batches(0, _RESIDENT))
            feed = SimpleNamespace(batches=lambda first, last: _again(kept, first, last))
            job = replace(job, data=replace(job.data, feed=cast("Any", feed)))
        began = time.process_time()
        train(job, Clock())
        processor = (time.process_time() - began) / steps
    return Told(device.times(), processor, _off(run))


def _off(run: RunFolder) -> float:
    """The time to the end as told after 50 steps, or half of them, beside that from then to the last step."""
    events = read_events(run.events_path).events
    done = [event for event in events if isinstance(event, StepDone)]
    asked = done[min(_TOLD_AFTER, len(done) // 2) - 1]
    fold = RunFold()
    fold.feed(*events[: events.index(asked) + 1])
    return (fold.view().eta_s or 0.0) / (done[-1].at - asked.at) - 1


def _again(kept: list[ReadyBatch], first: int, last: int) -> Iterator[ReadyBatch]:
    for step in range(first, last):
        yield replace(kept[step % len(kept)], step=step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step-ms", type=float, default=100.0)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    kinds = {
        "latents in memory": ("cache.latents=memory",),
        "latents on disk": ("cache.latents=disk",),
        "images decoded, two readers": ("cache.latents=off", "loader.workers=2"),
    }
    with tempfile.TemporaryDirectory(prefix="frieze-bench-") as folder:
        home = Path(folder)
        manifest = made(home)
        for name, sets in kinds.items():
            found: dict[bool, list[float]] = {False: [], True: []}
            host: dict[bool, list[float]] = {False: [], True: []}
            off: list[float] = []
            for _ in range(asked.rounds):
                for resident in (True, False):
                    told = steps_of(home, manifest, asked.steps, asked.step_ms / 1e3, sets, resident=resident)
                    found[resident] += told.times
                    host[resident].append(told.processor)
                    off += [] if resident else [told.off]
            real, same = median(found[False]) * 1e3, median(found[True]) * 1e3
            print(
                f"{name}: a step {real:.2f} ms, resident {same:.2f} ms: {real / same - 1:+.2%}; "
                f"in all {sum(found[False]) / sum(found[True]) - 1:+.2%}; "
                f"processor {median(host[False]) * 1e3:.1f} and {median(host[True]) * 1e3:.1f} ms a step; "
                f"the end foretold by {', '.join(f'{each:+.1%}' for each in off)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
