"""Subsets & buckets: repeats change by keys and the steps they cause are seen (row B14)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curator.contract.caption.captions import CaptionRules
from curator.index.tables.rows import Subset
from curator.session.session import Session
from curator.tui.widgets.entries.entry import Entry


@pytest.fixture
def subsets(session: Session) -> Session:
    session.subsets.save(Subset("animals", "animal", 2))
    session.subsets.save(Subset("rest", "tags>0", 1))
    return session


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_repeats_change_by_keys_and_steps_follow(drive, subsets, size):
    async with drive(size) as it:
        await it.press("2")
        await it.sees("3 steps per epoch, 7 samples")
        await it.press("plus")
        await it.sees("x 3")
        await it.sees("4 steps per epoch (+1), 9 samples")
        await it.press("left_square_bracket", "left_square_bracket")
        await it.sees("x 2.8")
        assert subsets.subsets.all()[0].repeats == 2.8
        await it.press("j", "minus")
        await it.sees("x 0 ")
        assert subsets.subsets.all()[1].repeats == 0


async def test_the_batch_size_is_changed(drive, subsets):
    async with drive() as it:
        await it.press("2")
        await it.sees("batch 4: ")
        await it.press("less_than_sign", "less_than_sign", "less_than_sign", "less_than_sign")
        await it.sees("batch 1: 7 steps per epoch")


async def test_buckets_say_in_words_which_batches_are_short(drive, subsets):
    async with drive() as it:
        await it.press("2")
        await it.sees("last batch short by")
        await it.sees("128x128")


async def test_without_subsets_everything_is_trained_once(drive):
    async with drive() as it:
        await it.press("2")
        await it.sees("no subset yet: every image is trained once an epoch")
        await it.sees("6 samples of 6 images")


async def fill(it, **values: str) -> None:
    for name, value in values.items():
        it.app.screen.query_one(f"#line-{name}", Entry).value = value
    await it.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_subset_is_added_edited_and_removed(drive, session, size):
    async with drive(size) as it:
        await it.press("2", "a")
        await it.sees("Add a subset")
        await it.sees("validation share  0")
        await fill(it, name="cats", filter="cat", repeats="lots")
        await it.sees("'lots' is no number")
        await fill(it, filter="cat OR wdith>3", repeats="1.5")
        await it.sees("did you mean 'width'?")
        await fill(it, filter="cat", reg="yes", crop="random", mask="alpha")
        await it.sees("x 1.5")
        (subset,) = session.subsets.all()
        assert (subset.filter, subset.repeats) == ("cat", 1.5)
        assert (subset.is_reg, subset.crop, subset.mask) == (True, "random", "alpha")
        await it.sees("cats: regularisation, random crop, alpha mask")
        await it.press("e")
        await fill(it, validation_share="0.3")
        await it.sees("regularisation images are not held out")
        await fill(it, reg="no", validation_share="0.3", validation_seed="7")
        await it.sees("0.3 held out")
        (subset,) = session.subsets.all()
        assert (subset.validation_share, subset.validation_seed) == (0.3, 7)
        await it.press("c")
        await it.sees("Captions of cats")
        await fill(it, shuffle="yes", keep_tags="1", trigger="xyz", wildcards="perhaps")
        await it.sees("'perhaps' is neither")
        await fill(it, wildcards="yes", prefix="a photo of")
        await it.until(lambda: session.subsets.all()[0].rules.wildcards)
        rules = session.subsets.all()[0].rules
        assert (rules.shuffle, rules.keep_tags, rules.trigger, rules.prefix) == (True, 1, "xyz", "a photo of")
        await it.press("e")
        await it.sees("Subset cats")
        await fill(it, name="felines")
        await it.sees("felines ")
        assert [each.name for each in session.subsets.all()] == ["felines"]
        await it.press("d")
        await it.sees("Remove the subset 'felines'?")
        await it.press("y")
        await it.sees("no subset yet")
        assert session.subsets.all() == []


async def test_a_bucket_rule_that_cannot_be_is_refused_in_place(drive, session):
    async with drive() as it:
        await it.press("2", "s")
        await fill(it, step="60")
        await it.sees("no multiple of 8")
        await fill(it, step="64", min_side="256", max_side="32")
        await it.sees("the longest 32")
        await fill(it, min_side="64", max_side="64")
        await it.sees("above the longest side")
        await fill(it, min_side="192", max_side="256")
        await it.sees("below the shortest side")
        assert session.buckets.rule.step == 64
        await fill(it, min_side="64", step="32")
        await it.sees("by 32")
        assert session.buckets.rule.step == 32
        await it.press("s")
        await fill(it, resample="cubic")
        await it.sees("there is no 'cubic'")
        await fill(it, resample="bicubic", crop_inputs="letterbox")
        await it.until(lambda: session.buckets.rule.resample == "bicubic")
        assert session.buckets.rule.crop_inputs == "letterbox"
        await it.press("s")
        await fill(it, width="1024", height="1024", max_side="1024")
        await it.until(lambda: "Above 768x768 a longest side" in it.notices)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_subsets_get_the_same_share_of_the_epoch(drive, subsets, size):
    """B14: after a balance each subset has half of the samples, and the epoch is as long as before."""
    async with drive(size) as it:
        await it.press("2")
        await it.sees("7 samples")
        await it.press("b")
        await it.sees("the same share")
        await it.sees("animals: x 2 -> x 1.75")
        await it.press("y")
        await it.sees("7 samples")
        await it.until(lambda: [each.repeats for each in subsets.subsets.all()] == [1.75, 1.166667])


async def test_regularisation_takes_no_part_in_a_balance(drive, subsets):
    subsets.subsets.save(replace(subsets.subsets.all()[1], is_reg=True))
    async with drive() as it:
        await it.press("2")
        await it.sees(" reg ")
        await it.press("b")
        await it.sees("animals: x 2 -> x 2")
        await it.press("y")
        await it.until(lambda: not it.app.screen.is_modal)
        assert subsets.subsets.all()[1].repeats == 1


async def test_what_is_left_over_is_the_recipes_choice(drive, subsets):
    """Batch size and leftovers are those of the Train screen, and change there too."""
    async with drive() as it:
        await it.press("2")
        await it.sees("leftovers make a short batch")
        await it.press("o")
        await it.sees("leftovers are filled up")
        await it.press("greater_than_sign")
        await it.sees("batch 5: ")
        assert subsets.memory.recall("recipe") == {"batch.leftovers": "fill", "batch.size": 5}
        await it.press("5")
        await it.sees("[5 Train]")
        await it.press("slash")
        await it.type("batch.size")
        await it.press("enter")
        await it.sees("* size ")


async def test_edits_of_subsets_are_taken_back_by_the_key_that_undoes_edits(drive, subsets):
    """B03: repeats, a balance, a removal; the screen follows, and what was undone is said."""
    async with drive() as it:
        await it.press("2")
        await it.sees("7 samples")
        await it.press("plus")
        await it.sees("x 3")
        await it.press("u")
        await it.sees("x 2")
        await it.until(lambda: "Undone: subset animals: repeats 2 -> 3" in it.notices)
        assert subsets.subsets.all()[0].repeats == 2
        await it.press("ctrl+r")
        await it.sees("x 3")
        await it.press("u", "b", "y")
        await it.until(lambda: [each.repeats for each in subsets.subsets.all()] == [1.75, 1.166667])
        await it.press("u")
        await it.until(lambda: [each.repeats for each in subsets.subsets.all()] == [2, 1])
        await it.press("d", "y")
        await it.until(lambda: len(subsets.subsets.all()) == 1)
        await it.press("7")
        await it.sees("subset animals removed")
        await it.press("enter")
        await it.sees("Take this edit back?")
        await it.press("y")
        await it.until(lambda: len(subsets.subsets.all()) == 2)
        await it.press("2")
        await it.sees("animals ")


async def test_what_another_program_does_to_subsets_is_seen(drive, subsets):
    async with drive() as it:
        await it.press("2")
        await it.sees("7 samples")
        with Session.open(subsets.folder) as other:
            other.edits.undo()
        await it.until(lambda: "rest " not in it.text)


async def test_the_batch_and_what_is_left_over_are_taken_back(drive, subsets):
    async with drive() as it:
        await it.press("2")
        await it.sees("leftovers make a short batch")
        await it.press("o")
        await it.sees("leftovers are filled up")
        await it.press("greater_than_sign")
        await it.sees("batch 5: ")
        assert [each.what for each in subsets.edits.history(2)] == [
            "recipe: batch.size (usual) -> 5",
            "recipe: batch.leftovers (usual) -> 'fill'",
        ]
        await it.press("u")
        await it.sees("batch 4: ")
        await it.press("5")
        await it.sees("[5 Train]")
        assert subsets.memory.recall("recipe") == {"batch.leftovers": "fill"}
        await it.press("u", "2")
        await it.sees("leftovers make a short batch")
        assert subsets.memory.recall("recipe") == {}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 24)])
async def test_a_subset_shows_its_first_captions_as_they_would_be_trained(drive, session, size):
    session.subsets.save(Subset("beasts", "animal", rules=CaptionRules(trigger="frz")))
    async with drive(size) as it:
        await it.press("2")
        await it.sees("frz, cat")
        if size[0] > 64:
            await it.sees("02 dog.png")
            await it.sees("frz, dog, animal, outdoors")
