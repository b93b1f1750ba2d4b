"""What events add up to, however the log is cut, resumed or muddled."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.run import events as ev
from curator.runs.fold import RunView

TEXT = st.text(max_size=5)
STEP = st.integers(0, 30)
NUMBER = st.floats(0, 10) | st.just(math.nan)
EVENTS = st.one_of(
    st.builds(ev.RunStarted, NUMBER, STEP, STEP, STEP, st.booleans(), STEP, TEXT, STEP),
    st.builds(ev.PhaseStarted, NUMBER, TEXT, st.none() | STEP),
    st.builds(ev.Progress, NUMBER, TEXT, STEP, STEP),
    st.builds(
        ev.StepDone, NUMBER, STEP, STEP, NUMBER, st.just({"unet": 1.0}), NUMBER, STEP, st.floats(0, 9), STEP
    ),
    st.builds(ev.Evaluated, NUMBER, STEP, NUMBER, STEP),
    st.builds(ev.SampleMade, NUMBER, STEP, TEXT, TEXT, STEP),
    st.builds(ev.CheckpointSaved, NUMBER, STEP, TEXT, TEXT),
    st.builds(ev.StateSaved, NUMBER, STEP, TEXT),
    st.builds(ev.ImageQuarantined, NUMBER, TEXT, TEXT),
    st.builds(ev.Warned, NUMBER, TEXT, TEXT),
    st.builds(ev.RequestTaken, NUMBER, TEXT),
    st.builds(ev.Paused, NUMBER, STEP),
    st.builds(ev.Resumed, NUMBER, STEP),
    st.builds(ev.RunFailed, NUMBER, TEXT, TEXT),
    st.builds(ev.RunEnded, NUMBER, TEXT, STEP),
)


def step(number: int, loss: float | None = None, seconds: float = 0.5) -> ev.StepDone:
    value = 1 / number if loss is None else loss
    return ev.StepDone(0.0, number, 0, value, {"unet": 1e-4}, 1.0, 4, seconds, 1 << 20)


def started(after: int, total: int = 30) -> ev.RunStarted:
    return ev.RunStarted(0.0, after, total, 3, after > 0, 1, "cpu", 1)


def fold(*events: ev.Event) -> RunView:
    view = RunView()
    view.feed_all(events)
    return view


@given(st.lists(EVENTS, max_size=40))
def test_no_order_of_events_breaks_the_fold(events: list[ev.Event]) -> None:
    view = fold(*events)
    steps = [number for number, _ in view.losses]
    assert steps == sorted(set(steps))
    assert view.eta_s is None or view.eta_s >= 0
    finite = [loss for _, loss in view.losses if math.isfinite(loss)]
    for _, mean in view.smoothed:
        assert math.isfinite(mean)
    assert len(view.smoothed) <= len(view.losses)
    assert bool(finite) == bool(view.smoothed)


@given(st.integers(1, 20), st.data())
def test_an_interrupted_run_folds_to_the_same_curves(total: int, data: st.DataObject) -> None:
    """S079: the steps after the resumed state are trained again, to the same numbers."""
    events: list[ev.Event] = [started(0)]
    at = 0
    for _ in range(data.draw(st.integers(0, 3))):
        end = data.draw(st.integers(at, total))
        events += [step(number) for number in range(at + 1, end + 1)]
        at = data.draw(st.integers(0, end))
        events.append(started(at))
    events += [step(number) for number in range(at + 1, total + 1)]
    whole = fold(started(0), *(step(number) for number in range(1, total + 1)))
    view = fold(*events)
    assert view.losses == whole.losses
    assert view.smoothed == whole.smoothed
    assert view.step == whole.step


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_the_smoothed_loss_lies_between_the_losses(losses: list[float]) -> None:
    view = fold(started(0), *(step(i, loss) for i, loss in enumerate(losses, 1)))
    assert min(losses) - 1e-9 <= view.smoothed[-1][1] <= max(losses) + 1e-9


def test_speed_and_time_left() -> None:
    view = fold(started(0), *(step(i) for i in range(1, 11)))
    assert view.it_per_s == pytest.approx(2)
    assert view.images_per_s == pytest.approx(8)
    assert view.eta_s == pytest.approx(10)


def test_there_is_no_time_left_to_tell_while_paused_or_over() -> None:
    assert fold(started(0), step(1), ev.Paused(0, 1)).eta_s is None
    assert fold(started(0), step(1), ev.RunEnded(0, "stopped", 1)).eta_s is None
    assert fold(started(0), step(1), ev.Paused(0, 1), ev.Resumed(0, 1)).eta_s is not None


def test_the_speed_of_another_machine_is_forgotten_at_a_resume() -> None:
    view = fold(started(0), step(1, seconds=100), started(1), step(2, seconds=1))
    assert view.it_per_s == pytest.approx(1)


def test_a_resume_forgets_the_failure_and_files_written_again_stand_once() -> None:
    sample, saved = ev.SampleMade(0, 2, "samples/2.png", "fox", 1), ev.CheckpointSaved(0, 2, "output/2", "ab")
    failed = fold(started(0), step(1), step(2), sample, saved, ev.RunFailed(0, "no space", "free some"))
    assert failed.failure == ("no space", "free some")
    failed.feed_all([started(1), step(2), sample, saved])
    assert failed.failure is None
    assert failed.samples == [sample]
    assert failed.checkpoints == [saved]


def test_a_phase_shows_until_the_next_step() -> None:
    view = fold(started(0), ev.PhaseStarted(0, "caching latents", 8), ev.Progress(0, "caching latents", 3, 8))
    assert (view.phase, view.phase_done, view.phase_total) == ("caching latents", 3, 8)
    view.feed(step(1))
    assert (view.phase, view.phase_total) == ("training", None)


def test_a_picture_is_counted_out_once() -> None:
    bad = ev.ImageQuarantined(0, "a.png", "it is gone")
    assert fold(bad, started(0), bad).quarantine_count == 1


def test_a_loss_that_is_no_number_is_a_gap_in_the_smoothed_curve() -> None:
    view = fold(started(0), step(1, 0.5), step(2, math.nan), step(3, 0.5))
    assert [number for number, _ in view.smoothed] == [1, 3]
    assert len(view.losses) == 3
