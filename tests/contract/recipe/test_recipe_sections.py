"""Sections of kinds: there only where chosen; rules for modules; what of a recipe a run's identity covers."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.adapter_rules import parse_rule
from curator.contract.recipe.fields import recipe_fields
from curator.contract.recipe.identity import differences, knobs_of
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, load_recipe, sources_of, with_values

LOKR = "adapter.kind=lokr"


def test_choices_are_the_sections() -> None:
    kinds = recipe_fields()["adapter.kind"].choices
    assert {"lora", "lokr", "dylora"} < set(kinds)
    assert set(recipe_fields()["trains"].choices) == {"adapter", "full", "embeddings"}
    assert recipe_fields()["adapter.lokr.factor"].needs == (
        ("trains", ("adapter",)),
        ("adapter.kind", ("lokr",)),
    )


@pytest.mark.parametrize(
    ("sets", "what", "hint"),
    [
        (["adapter.lokr.factor=8"], "adapter.lokr.factor would have no effect", "adapter.kind = 'lokr'"),
        (["trains=full", "adapter.rank=8"], "adapter.rank would have no effect", "trains = 'adapter'"),
        ([LOKR, "trains=full", "adapter.lokr.factor=8"], "adapter.kind would have no effect", "trains"),
        (["adapter.kind=ia3", "adapter.rank=8"], "adapter.rank would have no effect on ia3", "leave"),
        (
            ["adapter.kind=loha", "adapter.dropout=0.5"],
            "adapter.dropout would have no effect on loha",
            "leave",
        ),
        (["full.embeddings=true"], "full.embeddings would have no effect", "trains = 'full'"),
        (["adapter.kind=dylora", "adapter.rank=6"], "adapter.rank is 6", "multiple"),
        (["adapter.rules=['*attn1* factor=8']"], "factor would have no effect", "rank"),
        (["adapter.rules=['*attn1* kind=lokr factor=big']"], "adapter.lokr.factor is 'big'", "factor = -1"),
        (["adapter.rules=['*attn1* kind=lora alpha=0']"], "adapter.alpha is 0", "least"),
        (["adapter.rules=['*attn1* kind=lorra']"], "no kind is called 'lorra'", "lora"),
        (["adapter.rules=['*attn1*']"], "is no rule", "kind=lokr"),
        (["adapter.rules=['kind=lora']"], "is no rule", "pattern"),
        (
            ["trains=embeddings", "embeddings.word=sls", "optimizer.text_lr=1e-3"],
            "optimizer.text_lr",
            "embeddings.lr",
        ),
        (["trains=embeddings", "embeddings.word="], "embeddings.word is no word", "trigger"),
        (["model.family=sd1", "optimizer.text_2_lr=1e-5"], "optimizer.text_2_lr", "SDXL"),
    ],
)
def test_what_is_not_chosen_is_refused(tmp_path: Path, sets: list[str], what: str, hint: str) -> None:
    """B12: by one rule for all sections."""
    plain = tmp_path / "plain.toml"
    plain.write_text("")
    with pytest.raises(UserError) as caught:
        load_recipe("sd15-lora" if not any("trains" in each for each in sets) else plain, sets)
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_recipe_holds_the_sections_it_chose() -> None:
    text = dump_recipe(load_recipe("sd15-lora", [LOKR, "adapter.lokr.factor=8"]))
    assert "[adapter.lokr]\nfactor = 8" in text
    assert "[adapter.oft]" not in text
    assert "[full]" not in text
    ruled = load_recipe("sd15-lora", ["adapter.rules=['*attn2* kind=oft']", "adapter.oft.constraint=0.1"])
    assert "[adapter.oft]\nconstraint = 0.1" in dump_recipe(ruled)


def test_rules_are_read() -> None:
    rule = parse_rule("*attn2* kind=lokr factor=8 full_matrix=true lr=1e-5")
    assert rule.values == {"kind": "lokr", "factor": 8, "full_matrix": True, "lr": 1e-5}
    assert rule.fits("lora_unet_down_blocks_0_attn2_to_q")
    assert not rule.fits("lora_unet_down_blocks_0_attn1_to_q")
    endless = "[" * 20_000
    assert parse_rule(f"* rank={endless}").values == {"rank": endless}


def test_identity_is_of_knobs_that_change_weights() -> None:
    recipe = load_recipe("sd15-lora")
    assert differences(knobs_of(recipe), knobs_of(recipe)) == []
    quiet = with_values(recipe, {"model.path": "elsewhere", "save.keep_last": 9, "sample.prompts": ("a",)})
    assert differences(knobs_of(recipe), knobs_of(quiet)) == []
    other = with_values(recipe, {"adapter.rank": 3})
    assert [key for key, *_ in differences(knobs_of(recipe), knobs_of(other))] == ["adapter.rank"]


def test_a_new_knob_changes_no_old_identity() -> None:
    """A state of a version that knew less says less; what it did not know stands at its default."""
    now = knobs_of(Recipe())
    before = {name: value for name, value in now.items() if name != "text.max_tokens"}
    assert differences(before, now) == []
    assert [key for key, *_ in differences(before, {**now, "text.max_tokens": 150})] == ["text.max_tokens"]
    gone = {**before, "adapter.a_knob_of_another_version": 7}
    assert differences(gone, now) == []


def test_every_value_has_a_source(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("extends = 'sd15-lora'\n[adapter]\nrank = 4\n")
    sources = sources_of(mine, ["batch.size=2"])
    told = {name: sources[name] for name in ("adapter.rank", "batch.size", "length.epochs", "log.trackers")}
    expected = [str(mine), "--set", "sd15-lora", "default"]
    assert list(told.values()) == expected
