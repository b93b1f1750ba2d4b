"""Train: a form made of the recipe's own fields, checked in place; the steps seen are the trainer's plan."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.fields import recipe_fields
from curator.contract.recipe.presets import presets
from curator.contract.recipe.toml_file import load_recipe
from curator.index.tables.rows import Subset
from curator.runs import launch
from curator.session.training.runs import Runs
from curator.tui.text.recipe_form import (
    RecipeForm,
    form_from,
    form_rows,
    in_text,
    place_of_field,
    range_in_words,
)

FAKE_WORKER = Path(__file__).parents[3] / "runs" / "fake_worker.py"


def test_every_field_is_typed_back_as_it_is_shown():
    for preset in presets():
        form = RecipeForm(preset)
        for name, info in recipe_fields().items():
            assert form.typed(info, in_text(form.values[name])) == form
            assert range_in_words(info) or info.kind in ("text", "number", "whole number")


def test_changes_are_kept_over_another_preset_and_reset():
    rank = recipe_fields()["adapter.rank"]
    form = RecipeForm("sd15-lora").typed(rank, "32")
    assert dict(form.changes) == {"adapter.rank": 32}
    assert form_from({"adapter.rank": 32, "gone.field": 1}, "tiny-demo").recipe().adapter.rank == 32
    assert form.reset(rank).recipe() == load_recipe("sd15-lora")


def test_a_value_nested_without_end_is_a_mistake():
    with pytest.raises(UserError, match="rank"):
        RecipeForm("sd15-lora").typed(recipe_fields()["adapter.rank"], "[" * 20_000)


async def find(it, name: str) -> None:
    await it.press("slash")
    await it.type(name)
    await it.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_field_is_checked_while_it_is_typed(drive, size):
    async with drive(size) as it:
        await it.press("5")
        await find(it, "unet_lr")
        await it.sees("number: from 0 to 10")
        await it.press("enter", "ctrl+u")
        await it.type("11")
        await it.sees("the most is 10")
        await it.press("enter")
        assert it.shown("#value").has_focus
        await it.press("ctrl+u")
        await it.type("2e-4")
        await it.press("enter")
        await it.sees("* unet_lr                  0.0002")
        await it.press("backspace")
        await it.sees("  unet_lr                  0.0001")


async def test_a_change_without_effect_is_said(drive):
    async with drive() as it:
        await it.press("5")
        await find(it, "conv_alpha")
        await it.press("enter", "ctrl+u")
        await it.type("3")
        await it.press("enter")
        await it.sees("adapter.conv_alpha would have no effect")


async def test_choices_and_switches_turn_with_space(drive):
    async with drive() as it:
        await it.press("5")
        await find(it, "precision.mixed")
        await it.press("space")
        await it.sees("mixed                    fp32")
        await find(it, "precision.gradient_checkpointing")
        await it.press("enter")
        await it.sees("gradient_checkpointing   yes")


async def test_steps_follow_the_manifest_and_the_form(drive, session):
    session.freezing.write("set1")
    async with drive() as it:
        await it.press("5")
        await it.sees("manifest                 set1")
        await it.sees("30 steps: 10 epochs x 3 steps")
        await find(it, "batch.size")
        await it.press("enter", "ctrl+u", "1", "enter")
        await it.sees("60 steps: 10 epochs x 6 steps")


async def test_a_launch_needs_a_manifest_and_a_model(drive, session):
    async with drive() as it:
        await it.press("5", "L")
        await it.until(lambda: "there is no manifest" in it.notices)
    session.freezing.write("set1")
    async with drive() as it:
        await it.until(lambda: it.app.screen.query("#form"))
        await it.sees("set1")
        await it.press("L")
        await it.until(lambda: "no base model" in it.notices)


async def test_a_launch_shows_the_dashboard_of_a_run_of_its_own(drive, session, monkeypatch, tmp_path):
    """Row B09: the worker is another process; the app only reads what it writes."""
    monkeypatch.setattr(launch, "WORKER", (str(FAKE_WORKER),))
    session.freezing.write("set1")
    model = shutil.copytree(Path(__file__).parents[4] / "train/families/sd1_config", tmp_path / "m")
    session.memory.keep("recipe", {"model.path": str(model), "metadata.description": "steps=7"})
    async with drive() as it:
        await it.press("5")
        await it.sees("set1")
        await it.press("L")
        await it.sees("Start training 'run'?")
        await it.press("y")
        await it.sees("[6 Runs]")
        await it.sees("finished")
        await it.sees("7/7")
        (run,) = session.runs.all()
        assert run.status == "finished"


def test_the_form_shows_the_knobs_that_hold():
    """Those of the chosen kind; a change of another one stays in sight, to be taken back."""
    plain = RecipeForm("sd15-lora")
    names = {row.name for row in form_rows(plain)}
    assert "adapter.rank" in names
    assert not any(name.startswith(("adapter.lokr", "full")) for name in names)
    lokr = plain.typed(recipe_fields()["adapter.kind"], "lokr")
    assert "adapter.lokr.factor" in {row.name for row in form_rows(lokr)}
    kept = plain.typed(recipe_fields()["adapter.lokr.factor"], "8")
    assert "adapter.lokr.factor" in {row.name for row in form_rows(kept)}
    unread = plain.typed(recipe_fields()["adapter.rules"], "nothing that could be a rule")
    assert form_rows(unread)


async def test_arrows_turn_choices_too(drive):
    async with drive() as it:
        await it.press("5")
        await find(it, "precision.mixed")
        await it.press("right")
        await it.sees("mixed                    fp32")
        await it.press("left")
        await it.sees("mixed                    bf16")


async def test_a_knob_is_taken_back(drive, session):
    async with drive() as it:
        await it.press("5")
        await find(it, "batch.size")
        await it.press("enter", "ctrl+u", "1", "enter")
        await it.sees("* size ")
        await it.press("u")
        await it.until(lambda: "Undone: recipe: batch.size" in it.notices)
        await it.until(lambda: "* size " not in it.text)
        await it.press("6", "5")
        assert len(session.edits.history()) == 1


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("seed", "seed"),
        ("path", "model.path"),
        ("epochs", "length.epochs"),
        ("batch.s", "batch.size"),
        ("", None),
    ],
)
def test_a_search_finds_names_before_helps(typed, name):
    rows = form_rows(RecipeForm("sd15-lora"))
    place = place_of_field(rows, typed)
    assert (rows[place].name if place is not None else None) == name


async def test_a_model_that_is_not_there_is_told_at_once(drive, session, tmp_path):
    session.freezing.write("set1")
    async with drive() as it:
        await it.press("5")
        await find(it, "model.path")
        await it.press("enter", "ctrl+u")
        await it.type(str(tmp_path / "none"))
        await it.press("enter")
        await it.sees("there is no model at")
        await it.press("L")
        await it.until(lambda: "there is no model at" in it.notices)
        assert not session.runs.all()


async def test_a_training_is_tried_out_before_its_launch(drive, session, monkeypatch, tmp_path):
    """Row B02: what was found stands in the question that starts the run."""
    asked = []
    outlook = {
        "fits": False, "obstacles": ["4 images do not fit, 2 do"], "proposals": [], "device": "cuda",
        "bucket": [64, 64],
        "images_at_once": 4, "max_batch": 2, "step_seconds": None, "images_per_second": None, "total_seconds": None,
        "weights_bytes": 0, "state_bytes": 0, "cache_bytes": 0, "cache_disk_bytes": 0, "evaluating_seconds": 0.0,
        "disk_bytes": 0, "disk_free_bytes": 0,
        "device_peaks": {"train_bytes": 2**20, "sample_bytes": 0, "save_bytes": 0},
        "host_peaks": {"train_bytes": 0, "sample_bytes": 0, "save_bytes": 0},
    }  # fmt: skip

    def preflight(_parent, manifest, recipe, processes, _progress):
        asked.append((manifest.name, recipe.model.path, processes))
        return outlook

    monkeypatch.setattr("curator.runs.programs.preflight.preflight", preflight)
    session.freezing.write("set1")
    model = shutil.copytree(Path(__file__).parents[4] / "train/families/sd1_config", tmp_path / "m")
    session.memory.keep("recipe", {"model.path": str(model)})
    async with drive() as it:
        await it.press("5")
        await it.sees("set1")
        await it.press("C")
        await it.sees("although it does not fit")
        await it.sees("refused: 4 images do not fit, 2 do")
        await it.press("n")
    assert asked == [("set1.manifest", str(model), 1)]


async def test_sections_fold_and_what_a_recipe_comes_to_stands_beside_it(
    drive, session, monkeypatch, tmp_path
):
    """A folded section is one line, searched all the same; rates and memory are those of the recipe shown."""
    session.subsets.save(Subset("all", ""))
    session.freezing.write("set")
    shutil.copytree(Path("train/families/sd1_config"), tmp_path / "sd1")
    session.memory.keep("recipe", {"model.path": str(tmp_path / "sd1"), "optimizer.text_lr": 0.0})
    monkeypatch.setattr(
        Runs,
        "memory",
        lambda *_: {"device_bytes": 3 << 30, "vae_bytes": 5 << 20, "vae_on_cpu": True, **PARTS},
    )
    async with drive((120, 40)) as it:
        await it.press("5")
        await it.sees("learning rate  unet 0.0001")
        await it.press("j", "j", "j")
        await it.sees("seed: seed of every random draw")  # the heading above it is passed over
        await it.press("z")
        await it.sees("recipe (")
        assert "seed of every random draw" not in it.text
        await find(it, "seed")
        await it.sees("seed: seed of every random draw")
        await it.press("Z")
        await it.sees("optimizer (")
        assert "adapter (" in it.text
        assert "1 changed" in it.text
        await it.press("m")
        await it.sees("3.0 GiB and what a batch needs")
        assert "VAE" in it.text
        assert "(CPU)" in it.text
        await find(it, "unet_lr")
        await it.press("enter", "ctrl+u")
        await it.type("3e-4")
        await it.press("enter")
        await it.sees("learning rate  unet 0.0003")
        await it.until(lambda: "GiB and what" not in it.text)


PARTS = {
    f"{part}_bytes": 0 for part in ("unet", "text_encoder", "adapter", "gradient", "optimizer", "average")
}
