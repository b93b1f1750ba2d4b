"""Captions: what each step will train on is seen before, exactly as the trainer makes it (row S042)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from rich.text import Text

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionParts, CaptionRules
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.toml_file import load_recipe
from curator.freeze.caption_walk import (
    CaptionPreview,
    CaptionWalk,
    preview_caption,
    row_of,
    said_of,
    showings,
)
from curator.index.tables.rows import Subset
from curator.tui.screens.training.captions import CaptionsScreen
from curator.tui.text.training_words import said_lines
from curator.tui.widgets.cells.batch_list import BatchList
from curator.tui.widgets.lists.lines import Lines
from curator.tui.widgets.preview import Preview

CONSOLE = Console()
STYLES = ("bold", "strike red")
RULES = CaptionRules(shuffle=True, tag_dropout=0.4, trigger="frz")


@pytest.fixture
def frozen(session) -> Path:
    session.subsets.save(Subset("beasts", "animal", repeats=2.5, flip=True, rules=RULES))
    session.subsets.save(Subset("rest", ""))
    session.memory.keep("recipe", {"length.epochs": 3, "batch.size": 2, "seed": 7})
    return session.freezing.write("set1").path


def recipe():
    return load_recipe("sd15-lora", ["length.epochs=3", "batch.size=2", "seed=7"])


@pytest.fixture
def walk(frozen):
    with open_manifest(frozen) as manifest:
        yield CaptionWalk(manifest, recipe())


def test_every_step_is_what_the_trainer_makes(walk):
    """The trainer's own reader, images left unread, against the screen's."""
    torch = pytest.importorskip("torch")
    assert torch
    from curator.contract.run.run_length import plan_training
    from train.data.dataset import picture_of

    plan = plan_training(walk.manifest.spans, recipe()).plan
    for step in range(walk.total_steps):
        shown = walk.step(step)
        epoch, index = plan.locate(step)
        batch = plan.batch(epoch, index)
        assert (shown.epoch, shown.index) == (epoch, index)
        assert tuple(each.sample for each in shown.samples) == batch.samples
        for each in shown.samples:
            picture = picture_of(walk.manifest, each.sample.row)
            assert each.said.caption == picture.caption(each.sample, 7, step)
            assert (each.placement.crop, each.flip) == picture.cut(each.sample, 7)
            assert each.file == picture.file.path


def test_steps_and_epochs_are_named_from_1(walk):
    assert walk.place("1") == 0
    assert walk.place("e2") == walk.first_step(1) == walk.place("epoch 2")
    for typed in ("0", "e4", "-3", "x", "99999", ""):
        with pytest.raises(UserError):
            walk.place(typed)


def test_what_was_left_out_is_named():
    parts = CaptionParts(("frz",), ("a", "b", "a", "c"), (), "text")
    rules = CaptionRules(tag_dropout=0.5)
    for copy in range(20):
        caption, left_out = preview_caption(parts, rules, 1, Sample(0, 0, copy), 0)
        assert sorted([*caption.split(", "), *left_out]) == sorted(["frz", "a", "b", "a", "c", "text"])
    dropped = CaptionPreview(
        *preview_caption(parts, CaptionRules(caption_dropout=1.0), 1, Sample(0, 0, 0), 0), recipe().text
    )
    assert dropped.caption == ""
    assert dropped.left_out == ("frz", "a", "b", "a", "c", "text")
    assert "no caption" in said_lines(dropped, 60, CONSOLE)[1].plain


def test_the_head_is_bold_and_what_was_left_out_is_struck_through_with_a_sign():
    parts = CaptionParts(("frz", "a cat"), ("b", "c", "d"), ("end",), "text")
    rules = CaptionRules(shuffle=True, tag_dropout=0.5, prefix="photo,", trigger="frz")
    seen: set[tuple[str, ...]] = set()
    for copy in range(20):
        said = said_of(parts, rules, 1, Sample(0, 0, copy), 0, text=recipe().text)
        text = Text("\n").join(said_lines(said, 200, CONSOLE)[1:])
        styled = {style: [text.plain[a:b] for a, b, each in text.spans if each == style] for style in STYLES}
        assert styled["bold"] == ["photo, frz, a cat"]
        assert styled["strike red"] == [f"-{piece}" for piece in said.left_out]
        assert text.plain.startswith(f" {said.caption}")
        seen.add(said.left_out)
    assert len(seen) > 3
    dropped = said_of(parts, CaptionRules(caption_dropout=1.0), 1, Sample(0, 0, 0), 0, text=recipe().text)
    assert (dropped.caption, dropped.head) == ("", "")


def test_what_falls_off_is_named():
    caption = ", ".join(f"word{at}" for at in range(50))

    def lines(**text: object) -> str:
        read_so = replace(recipe().text, **text)
        return "\n".join(line.plain for line in said_lines(CaptionPreview(caption, (), read_so), 60, CONSOLE))

    assert "of 75 tokens" in lines()
    assert "falls off" in lines()
    assert "of 225 tokens" in lines(max_tokens=225)
    assert "falls off" not in lines(max_tokens=225)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_picture_is_seen_as_trained_outlined_or_whole(drive, frozen, size):
    async with drive(size) as it:
        await it.press("3")
        await it.sees("as trained: ")
        await it.sees(" of 75 tokens")
        await it.until(lambda: it.shown(Preview)._picture.strips)
        await it.press("c")
        await it.sees("crop outlined: ")
        await it.press("c")
        await it.sees("whole: ")
        await it.press("c")
        await it.sees("as trained: ")


def test_a_random_cut_is_that_of_the_showing(session):
    """The crop drawn for each sample is shown, not the one in the middle."""
    session.subsets.save(Subset("all", "", rules=CaptionRules(), repeats=4, crop="random"))
    session.buckets.set_rule(BucketRule(128, 128, 128, 128, 64))
    session.memory.keep("recipe", {"length.epochs": 1})
    with open_manifest(session.freezing.write("moved").path) as manifest:
        walk = CaptionWalk(manifest, recipe())
        cuts = {
            (sample.image.path, sample.placement.crop)
            for step in range(walk.total_steps)
            for sample in walk.step(step).samples
        }
        assert len(cuts) > len({path for path, _ in cuts})


def test_an_image_is_found_in_the_manifest_with_all_its_showings(walk, session):
    (row,) = session.images.rows(session.images.select("cat").page(0, 1))
    found = row_of(walk.manifest, Path(row.full_path), lambda: False)
    assert found is not None
    shown = list(showings(walk.manifest, found, range(2), recipe()))
    assert [(each.sample.epoch, each.sample.copy, each.sometimes) for each in shown] == [
        (0, 0, False),
        (0, 1, False),
        (0, 2, True),
        (1, 0, False),
        (1, 1, False),
        (1, 2, True),
    ]
    assert row_of(walk.manifest, Path("/nowhere.png"), lambda: False) is None
    assert row_of(walk.manifest, Path(row.full_path), lambda: True) is None


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_steps_and_epochs_are_walked(drive, frozen, walk, size):
    async with drive(size) as it:
        await it.press("3")
        await it.sees(f"step 1 of {walk.total_steps}")
        screen = it.app.screen
        assert isinstance(screen, CaptionsScreen)
        assert screen._shown == walk.step(0)
        await it.until(lambda: it.shown(Preview)._picture.strips)
        caption = walk.step(0).samples[0].said.caption
        assert caption[:20] in screen.query_one(Lines).plain
        await it.press("l", "l", "h")
        assert screen._shown == walk.step(1)
        await it.press("right_square_bracket")
        assert screen._shown.epoch == 1
        assert screen._shown.index == 0
        await it.press("number_sign")
        await it.type("e9")
        await it.press("enter")
        await it.sees("there is no epoch 9")
        await it.press("ctrl+u")
        await it.type("e3")
        await it.press("enter")
        await it.until(lambda: screen._shown.epoch == 2)
        assert "seed 7, batch 2 (of the recipe)" in it.text


async def test_another_seed_can_be_looked_at(drive, frozen):
    async with drive() as it:
        await it.press("3")
        await it.sees("seed 7")
        await it.press("b", "ctrl+u")
        await it.type("8")
        await it.press("enter")
        await it.sees("seed 8, batch 2 (not the recipe's)")


async def test_without_a_manifest_it_says_what_to_do(drive, session):
    async with drive() as it:
        await it.press("3")
        await it.sees("no manifest yet: 4 freezes one")
        await it.press("l", "right_square_bracket", "number_sign", "m", "b", "enter")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_captions_of_one_picture_are_seen_from_browse(drive, frozen, session, size):
    async with drive(size) as it:
        await it.press("n")
        await it.sees("manifest set1, row ")
        await it.sees("epoch 1 copy 3 *")
        assert "frz" in it.text
        await it.press("j", "escape")
        assert it.images.has_focus


async def test_a_picture_in_no_manifest_has_the_captions_it_would_have(drive, session):
    async with drive() as it:
        await it.press("n")
        await it.sees("in no manifest yet")
        await it.sees("cat, animal, indoors")
        await it.press("escape")
    session.subsets.save(Subset("dogs", "dog"))
    async with drive() as it:
        await it.press("n")
        await it.sees("in no subset")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_whole_crop_is_seen(drive, frozen, size):
    """What is drawn is what trains: the image lies inside the screen, with all of its cells."""
    async with drive(size) as it:
        await it.press("3")
        await it.sees("step 1 of")
        await it.until(lambda: it.preview._picture.strips)
        drawn = max(strip.cell_length for strip in it.preview._picture.strips)
        assert it.preview.region.right <= size[0]
        assert 0 < drawn <= it.preview.size.width
        batch = it.shown("#samples")
        assert isinstance(batch, BatchList)
        assert (batch.shape is None) == (size[0] < 100)  # as thumbnails where there is room
        if batch.shape is None:
            await it.press("i")
        while len(batch.samples) < 2:
            await it.press("l")
        seen = [batch._request(position) for position in batch.visible_positions()]
        assert len(seen) == 2
        await it.until(lambda: all(batch._feed.picture(each) for each in seen))
        for sample in batch.samples:
            small = it.app.screen._thumbnail(sample)
            (wide, high), whole = sample.placement.bucket, Image.open(sample.file).convert("RGB")
            assert abs(small.width / small.height - wide / high) < 0.03 * wide / high
            trained = whole.resize(sample.placement.resized).crop(sample.placement.crop)
            assert small.resize((1, 1)).getpixel((0, 0)) == pytest.approx(
                trained.resize((1, 1)).getpixel((0, 0)), abs=4
            )
        assert Path(batch.samples[1].image.path).stem[-3:] in it.text
        await it.press("j")  # from one sample to the next, as in the list; sideways keys walk steps
        assert batch.current == batch.samples[1]
        step = it.app.screen._shown.step
        await it.press("h")
        assert it.app.screen._shown.step == step - 1
        await it.press("i")
        await it.until(lambda: batch.shape is None)
