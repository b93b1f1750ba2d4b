from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.contract.recipe.checks import recipe_warnings
from curator.contract.recipe.fields import FieldInfo, Value, checked, recipe_fields, toml_value
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import (
    differences,
    dump_recipe,
    load_recipe,
    parse_set,
    presets,
    values_of,
    with_values,
)


def written(tmp_path: Path, text: str, name: str = "r.toml") -> str:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize("name", ["sd15-full", "sd15-lora", "sdxl-lora", "tiny-demo"])
def test_presets_are_complete_recipes(name: str, tmp_path: Path) -> None:
    """S081: what a run keeps of its recipe reads back equal."""
    recipe = load_recipe(name)
    assert presets()[name]
    assert load_recipe(written(tmp_path, dump_recipe(recipe))) == recipe


@st.composite
def values(draw: st.DrawFn, info: FieldInfo) -> Value:
    if info.choices:
        word = st.sampled_from(info.choices)
        if info.kind == "list of texts":
            return tuple(draw(st.lists(word, unique=True)))
        return type(info.default)(draw(word))
    low, high = info.low, info.high
    texts = st.text(st.characters(exclude_categories=["Cs"]))
    number = st.floats(low, 1e6 if high is None else high, allow_nan=False)
    whole = st.integers(int(low or 0), int(10**6 if high is None else high))
    kinds = {"switch": st.booleans(), "whole number": whole, "number": number, "text": texts}
    return tuple(draw(st.lists(texts))) if info.kind == "list of texts" else draw(kinds[info.kind])


@given(st.data())
def test_any_value_survives_toml(data: st.DataObject) -> None:
    """S081: every knob, also texts with quotes, newlines and control characters."""
    import tomllib

    for info in recipe_fields().values():
        value = data.draw(values(info))
        again = tomllib.loads(f"x = {toml_value(value)}")["x"]
        assert checked(info, again, "here") == value
        assert values_of(with_values(Recipe(), {info.name: value}))[info.name] == value


@pytest.mark.parametrize("info", recipe_fields().values(), ids=lambda info: info.name)
def test_every_knob_says_what_it_is(info: FieldInfo) -> None:
    assert info.help
    assert checked(info, info.default, "default") == info.default


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("[optimizer]\nunet_rl = 1e-4", "optimizer.unet_rl", "unet_lr"),
        ("[optimiser]\nunet_lr = 1e-4", "[optimiser]", "optimizer"),
        ("sead = 3", "sead", "seed"),
        ("[batch]\nsize = 'four'", "batch.size is 'four'", "size = 1"),
        ("[batch]\nsize = 0", "batch.size is 0", "least is 1"),
        ("[batch]\nsize = true", "batch.size is True", "size = 1"),
        ("[optimizer]\nunet_lr = nan", "optimizer.unet_lr", "finite"),
        ("[schedule]\nname = 'cosinus'", "schedule.name", "cosine"),
        ("[log]\ntrackers = ['tensorbord']", "log.trackers", "tensorboard"),
        ("[adapter]\nconv_alpha = 4.0", "adapter.conv_alpha", "conv_rank"),
        ("[sample]\ncfg = 3.0", "sample.cfg would have no effect", "prompts"),
        ("[schedule]\nname = 'constant'\nmin_lr_ratio = 0.1", "min_lr_ratio would have no effect", "cosine"),
        ("[optimizer]\nunet_lr = 0.0\ntext_lr = 0.0", "nothing would be trained", "unet_lr"),
        ("[length]\nepochs = 0", "no length", "length.steps"),
        ("[sample]\nprompts = ['x']\nwidth = 500", "multiples of 8", "512"),
        ("[sample]\nprompts = ['x']\nheight = 32", "below 64 pixels", "512"),
        ("[text]\nmax_tokens = 77", "text.max_tokens is '77'", "75"),
        ("[text]\nmax_tokens = '75'", "which is no whole number", "max_tokens = 75"),
        ("batch = 4", "key 'batch'", "batch"),
        ("[batch\nsize = 1", "r.toml", "mend"),
        ("extends = 'sd15-lara'", "sd15-lara", "sd15-lora"),
        ("extends = 3", "extends", "name"),
    ],
)
def test_mistakes_are_sentences(tmp_path: Path, text: str, place: str, hint: str) -> None:
    """B12: unknown, ineffective and contradictory keys are refused, with the nearest key and the file."""
    with pytest.raises(UserError) as caught:
        load_recipe(written(tmp_path, text))
    assert place in caught.value.what
    assert hint in caught.value.hint or hint in caught.value.what


def test_steps_beside_epochs_are_said_not_to_count() -> None:
    """S075: epochs win; also where they are the default's."""
    (doubt,) = recipe_warnings(with_values(Recipe(), {"length.steps": 500}))
    assert doubt.what == "length.steps = 500 is not used: length.epochs = 10 wins"
    assert "length.epochs = 0" in doubt.hint
    assert recipe_warnings(Recipe()) == []
    assert recipe_warnings(with_values(Recipe(), {"length.steps": 500, "length.epochs": 0})) == []


def test_a_recipe_extends_another_and_says_what_differs(tmp_path: Path) -> None:
    """S061: the second stage is the first with one line changed."""
    first = written(tmp_path, 'extends = "sd15-lora"\n[batch]\nsize = 2\n', "stage1.toml")
    second = written(tmp_path, 'extends = "stage1.toml"\n[optimizer]\nunet_lr = 2e-5\n', "stage2.toml")
    old, new = load_recipe(first), load_recipe(second)
    assert old.adapter.rank == 16
    assert differences(old, new) == [("optimizer.unet_lr", 1e-4, 2e-5)]


def test_a_circle_of_extends_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "r.toml"')
    with pytest.raises(UserError, match="extends itself"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("batch.size=4", "batch.size", 4),
        ("optimizer.unet_lr = 1e-4", "optimizer.unet_lr", 1e-4),
        ("adapter.alpha=4", "adapter.alpha", 4.0),
        ("model.path=/a b/c=d", "model.path", "/a b/c=d"),
        ('sample.prompts=["a, b", "c"]', "sample.prompts", ("a, b", "c")),
        ("sample.at_end=false", "sample.at_end", False),
        ("metadata.title=1.5", "metadata.title", "1.5"),
    ],
)
def test_set_takes_any_knob(text: str, name: str, value: Value) -> None:
    """S081."""
    assert parse_set(text) == (name, value)


@pytest.mark.parametrize("text", ["batch.size", "batch.sise=4", "batch.size=four", "sample.prompts=cat"])
def test_set_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(UserError, match="--set"):
        parse_set(text)


def test_set_wins_over_the_file(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, "[batch]\nsize = 2"), ["batch.size=3", "seed=9"])
    assert (recipe.batch.size, recipe.seed) == (3, 9)


def test_a_recipe_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        load_recipe(tmp_path / "r.toml")
