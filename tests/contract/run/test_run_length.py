from __future__ import annotations

import pytest

from curator.contract.epoch_plan import Span
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import with_values
from curator.contract.run.run_length import plan_training

SPANS = [Span(0, 2.0, 0, 5), Span(1, 1.0, 5, 3)]


def recipe(**values: object) -> Recipe:
    return with_values(Recipe(), {name.replace("__", "."): value for name, value in values.items()})  # type: ignore[misc]


def test_epochs_win_over_steps() -> None:
    """S075."""
    planned = plan_training(SPANS, recipe(length__epochs=3, length__steps=1, batch__size=4))
    assert (planned.total_steps, planned.total_epochs) == (3 * (3 + 1), 3)


def test_steps_cut_an_epoch_short() -> None:
    """S059."""
    planned = plan_training(SPANS, recipe(length__epochs=0, length__steps=5, batch__size=4))
    assert (planned.total_steps, planned.total_epochs) == (5, 2)


def test_accumulation_and_processes_make_the_same_batches() -> None:
    """B11: one GPU and several with the same product see the same images in the same steps."""
    plans = [
        plan_training(SPANS, recipe(batch__size=size, batch__accumulate=accumulate), processes).plan
        for size, accumulate, processes in ((4, 1, 1), (2, 2, 1), (1, 2, 2), (1, 1, 4))
    ]
    assert len({tuple(batch for batch in plan.epoch(1)) for plan in plans}) == 1


@pytest.mark.parametrize(
    ("buckets", "repeats", "size", "accumulate", "processes", "epochs", "expected"),
    [
        ((7, 5, 1), 1, 2, 2, 1, 3, (5, 15)),
        ((7, 5, 1), 2, 2, 1, 2, 3, (8, 24)),
        ((4, 1), 2, 2, 1, 1, 3, (5, 15)),
        ((1, 1, 1), 1, 64, 1, 1, 1, (3, 3)),
    ],
)
def test_small_buckets_accumulation_and_processes_are_counted(
    buckets, repeats, size, accumulate, processes, epochs, expected
) -> None:
    """S059: a short batch of each bucket is a step of its own."""
    spans, first = [], 0
    for bucket, images in enumerate(buckets):
        spans.append(Span(bucket, float(repeats), first, images))
        first += images
    knobs = recipe(batch__size=size, batch__accumulate=accumulate, length__epochs=epochs)
    planned = plan_training(spans, knobs, processes)
    assert (planned.plan.batches(0), planned.total_steps) == expected


def test_carried_pictures_add_up() -> None:
    planned = plan_training(SPANS, recipe(length__epochs=4, batch__size=4, batch__leftovers="carry"))
    assert planned.total_steps == 10 + 3  # 40 samples of one bucket, 12 of the other
