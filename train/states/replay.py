"""Steps of a run trained once more from a saved state, and compared with what the run has on record (row B01).

On record are the loss and the gradient's norm of every step, and the numbers of every saved state. Where no state was
saved later than the one a replay begins at, it is made twice: once without a stop, once stopped and resumed in between.
"""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.locations import BAD_STEPS, DRAFT_PREFIX
from curator.contract.recipe.toml_file import dump_recipe, load_recipe, with_values
from curator.contract.run.event_log import EventLog, read_events
from curator.contract.run.events import StepDone
from curator.contract.run.run_folder import RunFolder
from curator.contract.run.saved_states import state_name, state_step, whole_states
from curator.contract.run.schedules import lr_factor
from curator.contract.run.stop_signals import StopSignals
from train.optim.optimizers import set_rates
from train.prepare.job import prepare
from train.report import Reporter
from train.states.resume import UNREADABLE, tensors_in
from train.states.state_writer import state_now

if TYPE_CHECKING:
    from train.job import Job
    from train.states.resume import State
    from train.step import Outcome

_STEPS = 10  # of a replay that nothing on record ends
Hear = Callable[[int, int], None]  # steps done, and in all


@dataclass(frozen=True)
class Stretch:
    """Steps to train once more: after `first` up to `last`, of a run that has states saved at `states` in between."""

    first: int
    last: int
    states: Mapping[int, Path]

    @property
    def middle(self) -> int:
        return (self.first + self.last) // 2


@dataclass
class Report:
    """What a replay came to. `first_difference` is None where everything compared is equal, bit for bit.

    `resumed_at` is the step after which the second of two replays was resumed; 0 where one was compared with states.
    """

    from_step: int
    to_step: int
    resumed_at: int = 0
    losses: int = 0
    tensors: int = 0
    states: list[int] = field(default_factory=list)
    first_difference: dict[str, object] | None = None

    def differs(self, step: int, what: str) -> None:
        if self.first_difference is None:
            self.first_difference = {"step": step, "what": what}


def stretch_of(run: RunFolder, first: int | None, steps: int | None) -> Stretch:
    """What to replay: from the state before the newest to the newest, where the caller does not say.

    Raises:
        UserError: there is no such state, or the run ends with the one it would begin at.
    """
    kept = {state_step(place): place for place in whole_states(run.state_dir)}
    if not kept:
        raise UserError(
            f"the run {run.path.name} has no saved state", "only a run that saved one can be replayed"
        )
    known = sorted(kept)
    begin = known[-2:][0] if first is None else first
    if begin not in kept:
        raise UserError(
            f"the run {run.path.name} has no saved state of step {begin:,}",
            f"those kept are of step {', '.join(f'{each:,}' for each in known)}; save.states_kept keeps more",
        )
    later = [step for step in known if step > begin]
    last = begin + steps if steps is not None else (later[0] if later else begin + _STEPS)
    return Stretch(begin, last, {step: kept[step] for step in later if step <= last})


def replay(run: RunFolder, first: int | None, steps: int | None, hear: Hear) -> Report:
    """Train some steps of a run that is over once more; nothing of the run is changed.

    Raises:
        UserError: as `stretch_of` and `prepare`; the run still lives, or it ends where the replay would begin.
    """
    if run.status() == "running":
        raise UserError(f"the run {run.path.name} is running", "replay it when it is over, or stop it first")
    wanted = stretch_of(run, first, steps)
    recorded = {event.step: event for event in read_events(run.events_path)[0] if isinstance(event, StepDone)}
    with _copied(run, run.state_dir / state_name(wanted.first)) as copy:
        job = _prepared(copy)
        total = job.data.plan.total_steps
        if wanted.first >= total:
            raise UserError(
                f"the run {run.path.name} ends after step {total:,}, where that state was saved",
                "give --from the step of an earlier one; save.states_kept keeps more",
            )
        if job.done != wanted.first:  # a state that is passed over would be a replay from the beginning
            raise UserError(
                f"the saved state of step {wanted.first:,} of the run {run.path.name} cannot be read",
                "give --from the step of another one",
            )
        wanted = replace(wanted, last=min(wanted.last, total))
        found = _Comparison(Report(wanted.first, wanted.last), recorded, hear, 1 if wanted.states else 2)
        if wanted.states:
            found.with_states(job, wanted.states)
            return found.report
        digests = found.without_a_stop(job, wanted.middle)
        del job
        gc.collect()
        with _copied(run, copy.state_dir / state_name(wanted.middle)) as again:
            found.resumed(_prepared(again), digests)
    return found.report


@dataclass
class _Comparison:
    """A replay being compared: each time its steps are trained they are a `turns`-th of the work."""

    report: Report
    recorded: Mapping[int, StepDone]
    hear: Hear
    turns: int

    def with_states(self, job: Job, states: Mapping[int, Path]) -> None:
        """Train, and compare with the losses and states on record."""
        for step in self._trained(job):
            if step in states:
                self._compare_state(step, _now(job, step), states[step])

    def without_a_stop(self, job: Job, middle: int) -> dict[int, dict[str, str]]:
        """Train and compare with the losses on record; digests of all numbers after each step behind the middle.

        The copy's state after the middle step is saved.
        """
        digests: dict[int, dict[str, str]] = {}
        for step in self._trained(job):
            if step == middle:
                job.outputs.states.save(_now(job, step))
                job.outputs.states.finish()
            if step > middle:
                digests[step] = _digests(_now(job, step))
        return digests

    def resumed(self, job: Job, digests: Mapping[int, Mapping[str, str]]) -> None:
        """Train from the middle on, and compare with the replay that was not stopped there."""
        self.report.resumed_at = job.done
        steps = self.report.to_step - self.report.from_step
        for step, _ in _steps(job, self.report.to_step):
            now = _digests(_now(job, step))
            self.report.tensors = len(now)
            for name in sorted({*now, *digests[step]}):
                if now.get(name) != digests[step].get(name):
                    self.report.differs(step, name)
            self.hear(steps + step - self.report.from_step, self.turns * steps)

    def _trained(self, job: Job) -> Iterator[int]:
        first, last = self.report.from_step, self.report.to_step
        for step, outcome in _steps(job, last):
            self._compare_losses(step, outcome)
            yield step
            self.hear(step - first, self.turns * (last - first))

    def _compare_losses(self, step: int, outcome: Outcome | None) -> None:
        known = self.recorded.get(step)
        if known is None:
            return  # it was left out, or its line was lost with the machine, or is damaged
        if outcome is None:
            self.report.differs(step, "it has no numbers now")
            return
        self.report.losses += 1
        for what, was, is_now in (
            ("the loss", known.loss, outcome.loss),
            ("the gradient's norm", known.grad_norm, outcome.grad_norm),
        ):
            if was != is_now:
                self.report.differs(step, f"{what}: {is_now!r} now, {was!r} then")

    def _compare_state(self, step: int, now: State, place: Path) -> None:
        self.report.states.append(step)
        try:
            weights, optimizer = tensors_in(place)
        except UNREADABLE as error:
            self.report.differs(step, f"the saved state cannot be read: {type(error).__name__}: {error}")
            return
        then = dict(_numbers({"weights": weights, "optimizer": optimizer}))
        ours = dict(_numbers({"weights": now.weights, "optimizer": now.optimizer}))
        self.report.tensors += len(ours)
        for name in sorted({*then, *ours}):
            if name not in then or name not in ours or not _same(then[name], ours[name]):
                self.report.differs(step, name)


@contextmanager
def _copied(run: RunFolder, state: Path) -> Iterator[RunFolder]:
    """A run folder like `run`'s with one state, which goes away: no tracker hears of it, and nothing is sampled."""
    with tempfile.TemporaryDirectory(prefix=f"{DRAFT_PREFIX}replay-", dir=run.path) as folder:
        copy = RunFolder(Path(folder))
        recipe = load_recipe(run.recipe_path)
        if recipe.log.trackers:
            copy.recipe_path.write_text(dump_recipe(with_values(recipe, {"log.trackers": ()})), "utf-8")
        else:
            shutil.copyfile(run.recipe_path, copy.recipe_path)
        shutil.copyfile(run.info_path, copy.info_path)
        with suppress(FileNotFoundError):
            shutil.copyfile(run.path / BAD_STEPS, copy.path / BAD_STEPS)
        for place in (copy.state_dir, copy.samples_dir, copy.output_dir, copy.requests_dir):
            place.mkdir()
        shutil.copytree(state, copy.state_dir / state.name, copy_function=_linked)
        yield copy


def _linked(source: str, place: str) -> str:
    """The same file under another name, or its copy where the disk knows no second names."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
    return place


def _prepared(copy: RunFolder) -> Job:
    return prepare(
        copy, lambda is_main: Reporter(EventLog(copy.events_path) if is_main else None), StopSignals()
    )


def _steps(job: Job, last: int) -> Iterator[tuple[int, Outcome | None]]:
    """Train up to step `last` as the loop does; each step with what it came to, None for one that is left out."""
    total = job.data.plan.total_steps
    with closing(job.data.feed.batches(job.done, last)) as batches:
        for batch in batches:
            set_rates(job.stepper.update.optimizer, lr_factor(job.recipe, batch.step, total))
            taken = None if batch.step in job.bad_steps.steps else job.stepper.take(batch)
            yield batch.step + 1, taken.outcome() if taken and not taken.bad else None


def _now(job: Job, step: int) -> State:
    return state_now(step, job.stepper.trained, job.stepper.update)


def _digests(now: State) -> dict[str, str]:
    found = _numbers({"weights": now.weights, "optimizer": now.optimizer})
    return {name: hashlib.blake2b(_bytes(value)).hexdigest() for name, value in found}


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a state by its name, as `optimizer.state.3.exp_avg`."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _numbers(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _numbers(each, f"{name}.{index}")
    else:
        yield name, value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return one == other


def _bytes(value: Any) -> bytes:
    if isinstance(value, Tensor):
        return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return repr(value).encode()
