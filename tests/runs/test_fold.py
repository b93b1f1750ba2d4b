"""What events add up to, however the log is cut, resumed or muddled."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.run import events as ev
from curator.runs.fold import RunFold

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


def fold(*events: ev.Event) -> RunFold:
    folded = RunFold()
    folded.feed(*events)
    return folded


@given(st.lists(EVENTS, max_size=40))
def test_no_order_of_events_breaks_the_fold(events: list[ev.Event]) -> None:
    folded = fold(*events)
    view = folded.view()
    steps = [number for number, _ in folded.losses]
    assert steps == sorted(set(steps))
    assert view.eta_s is None or view.eta_s >= 0
    finite = [loss for _, loss in folded.losses if math.isfinite(loss)]
    for _, mean in folded.smoothed.points:
        assert math.isfinite(mean)
    assert len(folded.smoothed.points) <= len(folded.losses)
    assert bool(finite) == bool(folded.smoothed.points) == bool(view.curve.bins)


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
    folded = fold(*events)
    assert folded.losses == whole.losses
    assert folded.smoothed.points == whole.smoothed.points
    assert folded.view().curve == whole.view().curve
    assert folded.view().step == whole.view().step


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_the_smoothed_loss_lies_between_the_losses(losses: list[float]) -> None:
    view = fold(started(0), *(step(i, loss) for i, loss in enumerate(losses, 1))).view()
    assert view.smoothed_loss is not None
    assert min(losses) - 1e-9 <= view.smoothed_loss <= max(losses) + 1e-9


def test_speed_and_time_left() -> None:
    view = fold(started(0), *(step(i) for i in range(1, 11))).view()
    assert view.it_per_s == pytest.approx(2)
    assert view.images_per_s == pytest.approx(8)
    assert view.eta_s == pytest.approx(10)


def test_there_is_no_time_left_to_tell_while_paused_or_over() -> None:
    assert fold(started(0), step(1), ev.Paused(0, 1)).view().eta_s is None
    assert fold(started(0), step(1), ev.RunEnded(0, "stopped", 1)).view().eta_s is None
    assert fold(started(0), step(1), ev.Paused(0, 1), ev.Resumed(0, 1)).view().eta_s is not None


def test_the_speed_of_another_machine_is_forgotten_at_a_resume() -> None:
    view = fold(started(0), step(1, seconds=100), started(1), step(2, seconds=1)).view()
    assert view.it_per_s == pytest.approx(1)


def test_a_resume_forgets_the_failure_and_files_written_again_stand_once() -> None:
    sample, saved = ev.SampleMade(0, 2, "samples/2.png", "fox", 1), ev.CheckpointSaved(0, 2, "output/2", "ab")
    folded = fold(started(0), step(1), step(2), sample, saved, ev.RunFailed(0, "no space", "free some"))
    assert folded.view().failure == ("no space", "free some")
    folded.feed(started(1), step(2), sample, saved)
    assert folded.view().failure is None
    assert folded.view().samples == (sample,)
    assert folded.view().checkpoints == (saved,)


def test_a_phase_shows_until_the_next_step() -> None:
    folded = fold(
        started(0), ev.PhaseStarted(0, "caching latents", 8), ev.Progress(0, "caching latents", 3, 8)
    )
    view = folded.view()
    assert (view.phase, view.phase_done, view.phase_total) == ("caching latents", 3, 8)
    folded.feed(step(1))
    view = folded.view()
    assert (view.phase, view.phase_total) == ("training", None)


def test_a_picture_is_counted_out_once() -> None:
    bad = ev.ImageQuarantined(0, "a.png", "it is gone")
    assert fold(bad, started(0), bad).view().quarantine_count == 1


def test_a_loss_that_is_no_number_is_a_gap_in_the_smoothed_curve() -> None:
    folded = fold(started(0), step(1, 0.5), step(2, math.nan), step(3, 0.5))
    assert [number for number, _ in folded.smoothed.points] == [1, 3]
    assert [each.step for each in folded.view().curve.bins] == [1, 3]
    assert len(folded.losses) == 3


def test_a_view_stays_as_it_is_while_the_run_goes_on() -> None:
    """The app draws it while a thread reads on."""
    folded = fold(started(0), *(step(i) for i in range(1, 10)), ev.SampleMade(0, 9, "a.png", "fox", 1))
    view = folded.view()
    before = copy.deepcopy(view)
    folded.feed(
        *(step(i) for i in range(10, 30)), ev.SampleMade(0, 20, "b.png", "fox", 1), ev.Warned(0, "w", "h")
    )
    folded.feed(
        ev.Evaluated(0, 20, 0.5, 1), ev.ImageQuarantined(0, "bad", "why"), started(5), ev.Paused(0, 5)
    )
    assert view == before
    assert folded.view() != before
