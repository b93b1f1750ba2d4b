"""The feed between reader and step: what it gives is what a loop without it would make, and nothing of it is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.utils import recursively_apply
from safetensors.torch import load_file

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.run.events import RunFailed, StepDone
from curator.contract.run.stop_signals import StopSignals
from train.data.batches import BatchReader
from train.data.feed import Feed
from train.data.images import load_sample
from train.prepare.job import prepare
from train.report import Reporter

_PATIENCE_S = 120.0
_OURS = ("feed", "reader", "state")


def threads_of_ours() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(_OURS)]


def feed_of(batches: Callable[..., Iterator[int]], ready: Callable[[int], Any]) -> Iterator[Any]:
    return Feed(SimpleNamespace(batches=batches), SimpleNamespace(ready=ready)).batches(0, 9)


def counted(first: int, last: int, _is_over: Callable[[], bool]) -> Iterator[int]:
    yield from range(first, last)


def test_the_next_two_batches_are_made_while_one_is_trained() -> None:
    """Bounded too: nobody asks for the fourth."""
    made, three = [], threading.Event()

    def ready(step: int) -> int:
        made.append(step)
        if len(made) == 3:
            three.set()
        return step

    batches = feed_of(counted, ready)
    assert next(batches) == 0
    assert three.wait(_PATIENCE_S)
    batches.close()
    assert made == [0, 1, 2]
    assert not threads_of_ours()


def test_an_error_comes_at_its_turn() -> None:
    """What was read before it is trained first."""

    def failing(first: int, last: int, is_over: Callable[[], bool]) -> Iterator[int]:
        yield from counted(first, 3, is_over)
        raise UserError("03.png has changed since the freeze", "restore it")

    batches, seen = feed_of(failing, lambda step: step), []
    with pytest.raises(UserError, match=r"03\.png") as caught:
        seen.extend(batches)
    assert type(caught.value) is UserError
    assert (seen or [0, 1, 2]) == [0, 1, 2]
    assert not threads_of_ours()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stop_reads_no_image_that_is_not_begun(make_run, frozen, monkeypatch, workers) -> None:
    """It waits for those that are being read and for no other, and leaves no thread."""
    job = job_of(
        make_run("cache.latents=off", "batch.size=8", f"loader.workers={workers}", frozen=frozen(repeats=9.0))
    )
    begun, go_on, asked = threading.Semaphore(0), threading.Event(), threading.Event()
    read, honest = [], BatchReader._item

    class Thread(ThreadPoolExecutor):
        def shutdown(self, *args: Any, **named: Any) -> None:
            asked.set()
            super().shutdown(*args, **named)

    def slow(reader, sample, bucket, step):
        read.append(step)
        if step > 0:
            begun.release()
            assert go_on.wait(_PATIENCE_S)
        return honest(reader, sample, bucket, step)

    monkeypatch.setattr(BatchReader, "_item", slow)
    monkeypatch.setattr("train.data.feed.ThreadPoolExecutor", Thread)
    batches = job.data.feed.batches(0, 5)
    next(batches)
    for _ in range(max(1, workers)):
        assert begun.acquire(timeout=_PATIENCE_S)
    closing = threading.Thread(target=batches.close)
    closing.start()
    assert asked.wait(_PATIENCE_S)
    go_on.set()
    closing.join(_PATIENCE_S)
    assert not closing.is_alive()
    assert sum(step > 0 for step in read) == max(1, workers)
    assert not threads_of_ours()


def job_of(run) -> Any:
    return prepare(run, lambda _: Reporter(None), StopSignals())


def without_feed(feed: Feed, first: int, last: int) -> Iterator[Any]:
    yield from map(feed._preparation.ready, feed._reader.batches(first, last))


def test_weights_and_losses_are_those_of_a_loop_without_it(
    make_run, frozen, work, events_of, monkeypatch
) -> None:
    """Random cuts, masks, shuffled captions, every kind of noise; kept and live images in one batch."""
    rules = CaptionRules(shuffle=True, tag_dropout=0.3, caption_dropout=0.1)
    data = frozen(rules=rules, crop="random", mask="alpha", clear=(0, 2, 3), regs=(1, 4), reg_weight=0.5)
    sets = (
        "length.steps=3",
        "batch.size=2",
        "batch.accumulate=2",
        "loader.workers=2",
        "adapter.dropout=0.2",
        "objective.noise_offset=0.05",
        "objective.adaptive_noise_scale=0.1",
        "objective.multires_noise_levels=3",
        "objective.ip_noise_gamma=0.1",
    )
    told, weights, seen = [], [], []
    honest = Feed.batches

    def noted(batches: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def noting(feed: Feed, first: int, last: int) -> Iterator[Any]:
            for batch in batches(feed, first, last):
                seen[-1].append(batch)
                yield batch

        return noting

    for name, batches in (("fed", honest), ("plain", without_feed)):
        seen.append([])
        monkeypatch.setattr(Feed, "batches", noted(batches))
        run = make_run(*sets, frozen=data, name=name)
        assert work(run) == 0
        steps = [event for event in events_of(run) if isinstance(event, StepDone)]
        told.append([(event.step, event.loss, event.reg_loss, event.grad_norm) for event in steps])
        weights.append(load_file(run.output_dir / f"{name}.safetensors"))
        assert not threads_of_ours()
    assert told[0] == told[1]
    assert len(told[0]) == 3
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    for one, other in zip(*seen, strict=True):
        assert (one.step, one.names) == (other.step, other.names)
        assert equal(one.micro_batches, other.micro_batches)


def equal(one: object, other: object) -> bool:
    """Samples, captions and draws: every tensor of a nest of tuples."""
    found: list[list[torch.Tensor]] = [[], []]
    for tensors, nest in zip(found, (one, other), strict=True):
        recursively_apply(tensors.append, nest)
    return len(found[0]) == len(found[1]) > 0 and all(map(torch.equal, *found))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_changed_image_is_named_after_the_steps_before_it(
    make_run, work, events_of, monkeypatch, workers
) -> None:
    """As without a feed: the run fails with the sentence of the reader, not with one of a thread."""
    run = make_run("cache.latents=off", "length.steps=9", f"loader.workers={workers}")
    before = [each.names for each in job_of(run).data.feed.batches(0, 9)]
    bad = before[2][0]
    steps = next(step for step, names in enumerate(before) if bad in names)

    def changed(file, cut):
        if file.path.name == bad:
            raise UserError(f"{file.path.name} has changed since the freeze", "restore it, or freeze again")
        return load_sample(file, cut)

    monkeypatch.setattr("train.data.batches.load_sample", changed)
    assert work(run) == 3
    events = events_of(run)
    (failed,) = [event for event in events if isinstance(event, RunFailed)]
    assert failed.what == f"{bad} has changed since the freeze"
    assert [event.step for event in events if isinstance(event, StepDone)] == list(range(1, steps + 1))
    assert not threads_of_ours()
