from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.epoch_plan import LEFTOVERS, EpochPlan, Leftovers, Sample, Span
from curator.contract.errors import UserError


@st.composite
def span_lists(draw: st.DrawFn) -> list[Span]:
    spans, row = [], 0
    for bucket in range(draw(st.integers(1, 4))):
        chosen = draw(
            st.lists(st.sampled_from([0.25, 0.5, 1, 1.5, 2, 3.7, 10]), min_size=1, max_size=3, unique=True)
        )
        for repeats in sorted(chosen):
            rows = draw(st.integers(1, 40))
            spans.append(Span(bucket, repeats, row, rows))
            row += rows
    return spans


def seen_in(plan: EpochPlan, epochs: range) -> Counter[Sample]:
    return Counter(sample for epoch in epochs for batch in plan.epoch(epoch) for sample in batch.samples)


def fits(spans: list[Span]) -> bool:
    return any(span.samples for span in spans)


@given(span_lists(), st.integers(1, 9), st.integers(0, 99), st.integers(0, 3))
def test_every_picture_is_seen_its_repeats(spans: list[Span], size: int, seed: int, epoch: int) -> None:
    """B14, S048: a span of n rows with repeats k + f gives k*n + round(f*n) samples; no row twice more than another."""
    if not fits(spans):
        return
    plan = EpochPlan(spans, size, seed)
    seen = seen_in(plan, range(epoch, epoch + 1))
    assert max(seen.values()) == 1
    rows = Counter(sample.row for sample in seen)
    for span in spans:
        counts = [rows[row] for row in range(span.first_row, span.first_row + span.rows)]
        assert sum(counts) == span.samples
        assert all(int(span.repeats) <= count <= int(span.repeats) + 1 for count in counts)


@given(span_lists(), st.integers(1, 9), st.integers(0, 99))
def test_a_batch_holds_one_bucket(spans: list[Span], size: int, seed: int) -> None:
    """S037: steps an epoch = the sum over buckets of ceil(samples / batch)."""
    if not fits(spans):
        return
    plan = EpochPlan(spans, size, seed)
    bucket_of = {row: s.bucket for s in spans for row in range(s.first_row, s.first_row + s.rows)}
    for batch in plan.epoch(0):
        assert {bucket_of[sample.row] for sample in batch.samples} == {batch.bucket}
        assert 1 <= len(batch.samples) <= size
    samples = Counter[int]()
    for span in spans:
        samples[span.bucket] += span.samples
    assert plan.batches(0) == sum(-(-count // size) for count in samples.values())
    assert sum(plan.bucket_batches(0).values()) == plan.batches(0)


@given(span_lists(), st.integers(1, 9), st.integers(0, 99))
def test_filled_batches_are_full(spans: list[Span], size: int, seed: int) -> None:
    if not fits(spans):
        return
    plan = EpochPlan(spans, size, seed, "fill")
    batches = list(plan.epoch(1))
    assert all(len(batch.samples) == size for batch in batches)
    own = {sample for batch in batches for sample in batch.samples if sample.epoch == 1}
    assert own == set(seen_in(EpochPlan(spans, size, seed), range(1, 2)))


@given(span_lists(), st.integers(1, 9), st.integers(0, 99), st.integers(1, 5))
def test_carried_samples_are_seen_once_in_the_end(
    spans: list[Span], size: int, seed: int, epochs: int
) -> None:
    if not fits(spans):
        return
    plan = EpochPlan(spans, size, seed, "carry", final_epoch=epochs - 1)
    seen = seen_in(plan, range(epochs))
    assert seen == seen_in(EpochPlan(spans, size, seed), range(epochs))
    short = [len(b.samples) for e in range(epochs - 1) for b in plan.epoch(e) if len(b.samples) < size]
    assert not short
    assert plan.steps(epochs) == sum(plan.batches(epoch) for epoch in range(epochs))


@given(span_lists(), st.integers(1, 9), st.sampled_from(LEFTOVERS), st.integers(0, 40))
def test_a_step_is_found_without_the_steps_before_it(
    spans: list[Span], size: int, leftovers: Leftovers, step: int
) -> None:
    """S042: batch j of epoch e is a pure function, so any step can be shown."""
    if not fits(spans):
        return
    plan = EpochPlan(spans, size, 3, leftovers)
    epoch, index = plan.locate(step)
    walked = [(e, j) for e in range(epoch + 1) for j in range(plan.batches(e))]
    assert walked[step] == (epoch, index)
    assert plan.batch(epoch, index) == EpochPlan(spans, size, 3, leftovers).batch(epoch, index)


def test_epochs_differ_and_the_seed_decides() -> None:
    spans = [Span(0, 1, 0, 50)]
    first = [b.samples for b in EpochPlan(spans, 5, 1).epoch(0)]
    assert first == [b.samples for b in EpochPlan(spans, 5, 1).epoch(0)]
    rows = [
        [s.row for b in EpochPlan(spans, 5, seed).epoch(e) for s in b.samples]
        for seed, e in ((1, 0), (1, 1), (2, 0))
    ]
    assert len({tuple(order) for order in rows}) == 3


def test_the_fraction_goes_round() -> None:
    """S048: 0.5 of 10 images shows five an epoch, and over epochs everyone gets a turn."""
    plan = EpochPlan([Span(0, 0.5, 0, 10)], 1, 1)
    assert plan.samples_per_epoch == 5
    assert len({s.row for e in range(12) for b in plan.epoch(e) for s in b.samples}) == 10


def test_the_published_run_of_28638_steps() -> None:
    """S037, S059: 3,665,398 images at an effective batch of 128 make 28,636 steps and one for each short bucket."""
    rows = 3_665_398
    spans = [Span(0, 1, 0, rows - 200), Span(1, 1, rows - 200, 100), Span(2, 1, rows - 100, 100)]
    assert EpochPlan([Span(0, 1, 0, rows)], 128, 1).batches(0) == 28_636
    assert EpochPlan(spans, 128, 1).batches(0) == 28_637


def test_a_batch_past_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        EpochPlan([Span(0, 1, 0, 3)], 2, 0).batch(0, 2)


@pytest.mark.parametrize(("spans", "size"), [([], 1), ([Span(0, 0, 0, 5)], 1), ([Span(0, 1, 0, 5)], 0)])
def test_an_empty_plan_is_refused(spans: list[Span], size: int) -> None:
    with pytest.raises(UserError):
        EpochPlan(spans, size, 0)


SPANS = [Span(0, 1, 0, 5), Span(0, 2.5, 5, 7), Span(1, 0.5, 12, 6), Span(3, 1, 18, 3), Span(3, 0.5, 21, 5)]


@pytest.mark.parametrize(
    ("seed", "leftovers", "digest"),
    [
        (1, "short", "1a5522e07c90aa8b"),
        (2, "short", "d43994a6219a724e"),
        (1, "fill", "ab51970138e60c0d"),
        (1, "carry", "8b7a1425aa3edbb3"),
    ],
)
def test_the_draws_of_a_plan_stay_what_they_are(seed: int, leftovers: Leftovers, digest: str) -> None:
    """A run begun by one version goes on in the next: seed, epoch, bucket and span decide each draw for ever."""
    plan = EpochPlan(SPANS, 4, seed, leftovers, 2)
    said = repr(
        [(batch.bucket, *map(tuple, batch.samples)) for epoch in range(3) for batch in plan.epoch(epoch)]
    )
    assert hashlib.sha256(said.encode()).hexdigest()[:16] == digest


def test_every_draw_depends_on_the_seed() -> None:
    """The order of samples, the order of batches, and which rows a fraction takes (S037)."""
    one, other = EpochPlan(SPANS, 4, 1), EpochPlan(SPANS, 4, 2)
    assert [batch.bucket for batch in one.epoch(0)] != [batch.bucket for batch in other.epoch(0)]
    fractions = [{s.row for s in seen_in(plan, range(1)) if s.row >= 21} for plan in (one, other)]
    assert fractions[0] != fractions[1]
    orders = [
        [s.row for batch in plan.epoch(0) for s in batch.samples if batch.bucket == 0]
        for plan in (one, other)
    ]
    assert orders[0] != orders[1]
