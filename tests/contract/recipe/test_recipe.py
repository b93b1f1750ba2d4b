from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.contract.recipe.checks import recipe_warnings
from curator.contract.recipe.fields import FieldInfo, Value, checked, recipe_fields, toml_value
from curator.contract.recipe.presets import presets
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import (
    differences,
    dump_recipe,
    load_recipe,
    parse_set,
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
    if info.share:
        return draw(st.one_of(st.integers(int(low or 0), 10**6), st.floats(0.0, 1.0)))
    texts = st.text(st.characters(exclude_categories=["Cs"]))
    number = st.floats(low, 1e6 if high is None else high, allow_nan=False)
    whole = st.integers(int(low or 0), int(10**6 if high is None else high))
    kinds = {"switch": st.booleans(), "whole number": whole, "number": number, "text": texts}
    return tuple(draw(st.lists(texts))) if info.kind == "list of texts" else draw(kinds[info.kind])


@settings(max_examples=8)  # of each of some 260 knobs
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
        ("[objective]\nip_noise_random = true", "ip_noise_random would have no effect", "ip_noise_gamma"),
        ("[objective]\nnoise_offset_random = true", "noise_offset_random would", "noise_offset"),
        ("[objective.huber]\nc = 0.2", "objective.loss is 'l2'", "'huber' or 'smooth_l1'"),
        ("[objective]\nloss = 'huber'\n[objective.huber]\nscale = 2.0", "huber.scale would", "schedule"),
        ("[objective]\nloss = 'hubber'", "objective.loss is 'hubber'", "huber"),
        ("[objective.timesteps]\nstart = 500\nend = 500", "no timestep is left", "start"),
        ("[objective.timesteps.logit_normal]\nmean = 1.0", "sampling is 'uniform'", "'logit_normal'"),
        (
            "[model]\nprediction = 'epsilon'\n[objective]\nscale_v_like_noise = true",
            "scale_v_like_noise would have no effect",
            "predict v",
        ),
        (
            "[model]\nprediction = 'v_prediction'\n[objective]\nv_like_loss = 0.1",
            "v_like_loss would have no effect",
            "noise",
        ),
        ("[schedule]\npower = 2.0", "schedule.name is 'cosine'", "schedule.name = 'polynomial'"),
        ("[schedule]\ncycles = 2", "schedule.cycles would have no effect", "'cosine_with_restarts'"),
        ("[schedule]\nwarmup_steps = 1.5", "schedule.warmup_steps is 1.5", "0.0 to 1.0"),
        ("[schedule]\nwarmup_steps = -1", "schedule.warmup_steps is -1", "least is 0"),
        ("[schedule]\nwarmup_steps = 'all'", "no whole number or share", "warmup_steps = 0"),
        ("[schedule]\nname = 'constant_with_warmup'", "schedule.warmup_steps is 0", "'constant'"),
        ("[schedule]\nname = 'piecewise_constant'", "schedule.pieces is empty", "1:500"),
        ("[schedule]\nname = 'piecewise_constant'\npieces = '1:5, x'", "'x' is no piece", "FACTOR:STEP"),
        ("[schedule]\nname = 'piecewise_constant'\npieces = '1:5, 2:6'", "'2:6' is no piece", "last"),
        ("[schedule]\nname = 'piecewise_constant'\npieces = '1, 2'", "'1' is no piece", "FACTOR:STEP"),
        ("[schedule]\nname = 'piecewise_constant'\npieces = '1:9, 2:9, 3'", "9 and 9 do not rise", "later"),
        ("[optimizer]\nname = 'AdamW8bit'", "optimizer.name is 'AdamW8bit'", "adamw8bit"),
        (
            "[optimizer]\nname = 'lion'\nbeta2 = 0.95",
            "beta2 would have no effect",
            "set optimizer.lion.beta2",
        ),
        ("[optimizer.lion]\nbeta2 = 0.95", "optimizer.name is 'adamw'", "'lion'"),
        ("[optimizer.prodigy]\nd_coef = 2.0", "optimizer.name is 'adamw'", "optimizer.name = 'prodigy'"),
        ("[optimizer]\nargs = ['eps=1']", "optimizer.args would have no effect", "package.module.Class"),
        (
            "[optimizer]\nname = 'a.B'\ntrust_class = true\nweight_decay = 0.5",
            "weight_decay would have no effect: optimizer.name is 'a.B'",
            "leave it out",
        ),
        ("[optimizer]\nname = 'prodigy'", "finds one rate for all", "1.0"),
        ("[optimizer]\nname = 'sgd_schedulefree'", "averages weights", "schedule.name = 'constant'"),
        (
            "[optimizer]\nname = 'adafactor'\n[optimizer.adafactor]\nrelative_step = true\n"
            "[schedule]\nwarmup_steps = 5",
            "schedule.warmup_steps would have no effect",
            "relative_step = false",
        ),
        (
            "[optimizer]\nname = 'adafactor'\n[optimizer.adafactor]\nwarmup_init = true",
            "warmup_init would have no effect",
            "relative_step",
        ),
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


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"optimizer.name": "prodigy", "optimizer.text_lr": 1e-4},
            ["unet_lr = 0.0001 is a factor", "text_lr"],
        ),
        ({"optimizer.name": "prodigy", "optimizer.unet_lr": 1.0, "optimizer.text_lr": 1.0}, []),
        (
            {"optimizer.name": "dadapt_adam", "optimizer.unet_lr": 1.0, "optimizer.text_lr": 0.5},
            ["trains each part at its factor of it: optimizer.unet_lr = 1, optimizer.text_lr = 0.5"],
        ),
        ({"optimizer.name": "adafactor"}, []),
        ({"optimizer.name": "adafactor", "optimizer.adafactor.relative_step": True}, ["unet_lr", "text_lr"]),
    ],
)
def test_rates_beside_a_rate_that_is_found(values: dict[str, Value], told: list[str]) -> None:
    """S073."""
    doubts = recipe_warnings(with_values(Recipe(), values))
    assert len(doubts) == len(told)
    assert all(word in doubt.what for word, doubt in zip(told, doubts, strict=True))


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


@pytest.mark.parametrize(
    "text",
    ["batch.size", "batch.sise=4", "batch.size=four", "sample.prompts=cat", "batch.size=" + "[" * 20_000],
)
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


def test_prompts_of_a_recipe_may_lie_in_a_file_beside_it(tmp_path: Path) -> None:
    """S077: what a run keeps holds the lines themselves."""
    (tmp_path / "prompts.txt").write_text("# two\na cat --n blurry --w 128\n\na dog\n")
    (tmp_path / "mine.toml").write_text(
        'extends = "sd15-lora"\n[sample]\nprompts = ["prompts.txt", "an owl --s 5"]\n'
    )
    recipe = load_recipe(tmp_path / "mine.toml")
    lines = ("a cat --n blurry --w 128", "a dog", "an owl --s 5")
    assert recipe.sample.prompts == lines
    (tmp_path / "kept.toml").write_text(dump_recipe(recipe))
    (tmp_path / "prompts.txt").unlink()
    assert load_recipe(tmp_path / "kept.toml").sample.prompts == lines
    with pytest.raises(UserError, match="there is no file of prompts"):
        load_recipe(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('prompts = ["a", "b --w wide"]', "sample.prompts, prompt 2: --w is 'wide'"),
        ('prompts = ["a"]\nat_start = false\nat_end = false', "sample.prompts would have no effect"),
        ('prompts = ["a --ss eulr"]', "--ss is 'eulr'"),
        ('every_epochs = 2', "sample.every_epochs would have no effect"),
    ],
)  # fmt: skip
def test_prompts_that_cannot_be_sampled_are_refused(tmp_path: Path, section: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(f'extends = "sd15-lora"\n[sample]\n{section}\n')
    with pytest.raises(UserError) as refused:
        load_recipe(tmp_path / "mine.toml")
    assert said in refused.value.what


def test_what_prompts_may_not_mean_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'extends = "sd15-lora"\n[sample]\nprompts = ["a —w 64", "a --w 100"]\n'
    )
    told = [doubt.what for doubt in recipe_warnings(load_recipe(tmp_path / "mine.toml"))]
    assert told == [
        "sample.prompts, prompt 1: '—w' is read as text of the prompt",
        "sample.prompts, prompt 2: width 100 becomes 96",
    ]
