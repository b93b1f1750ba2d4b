"""Blocks of every tensor of full-size models, and lists of numbers for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from curator.contract.errors import UserError
from curator.contract.merging.recipe import CONVENTIONS, MergeRecipe
from curator.contract.recipe.recipe import Model
from train.families.empty import empty_family
from train.families.rows import FAMILIES
from train.models.save import single_file_plan
from train.workshop.blocks import block_names, block_of, numbers_by_block
from train.workshop.merging import carry_out

UNET = "model.diffusion_model."
LAST = {"sd1": "OUT11", "sd2": "OUT11", "sdxl": "OUT08"}


@pytest.fixture(scope="module")
def keys() -> dict[str, list[str]]:
    """The tensors of full-size models, without weights."""
    return {name: sorted(single_file_plan(empty_family(name, Model()))) for name in FAMILIES}


def expected(key: str, family: str, convention: str) -> str:
    """Written from the table of the field and apart from the code: which block a key is in."""
    is_mecha = convention == "mecha"
    if not key.startswith(UNET):
        return "VAE" if is_mecha and family == "sdxl" and key.startswith("first_stage_model") else "BASE"
    part, number = [*key.removeprefix(UNET).split("."), ""][:2]
    return {
        "input_blocks": f"IN{number.zfill(2)}",
        "middle_block": "M00",
        "output_blocks": f"OUT{number.zfill(2)}",
        "out": LAST[family],
        "time_embed": "BASE" if is_mecha else "IN00",
        "label_emb": "BASE" if is_mecha else "IN00",
    }[part]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_tensor_has_its_block(keys, family, convention) -> None:
    """S086, S087: of all tensors of a full-size file, by both programs' rules."""
    found = {key: block_of(key, family, convention) for key in keys[family]}
    assert found == {key: expected(key, family, convention) for key in keys[family]}
    assert set(found.values()) == set(block_names(family, convention))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_merge_gives_every_tensor_the_number_of_its_block(keys, family, convention, tmp_path: Path) -> None:
    """S086, S087: the first model is 0 and the second's block i is i, so the result shows which ratio each key had."""
    names = list(block_names(family, convention))
    # The first convolution and the text that is read tell the family by their sizes.
    context = {"sd1": 768, "sd2": 1024, "sdxl": 2048}[family]
    told = {key: (2, context) for key in keys[family] if key.endswith("attn2.to_k.weight")}
    told[f"{UNET}input_blocks.0.0.weight"] = (2, 4, 3, 3)
    shapes = {key: told.get(key, (2,)) for key in keys[family]}
    zeros = {key: torch.zeros(shape) for key, shape in shapes.items()}
    filled = {
        key: torch.full(shape, float(1 + names.index(expected(key, family, convention))))
        for key, shape in shapes.items()
    }
    save_file(zeros, tmp_path / "a.safetensors")
    save_file(filled, tmp_path / "b.safetensors")
    recipe = MergeRecipe(
        models=(str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")),
        blocks=",".join(str(number / 32) for number in range(len(names))),
        convention=convention,
    )
    out = tmp_path / "o.safetensors"
    report = carry_out(recipe, out, lambda done, total: None, replaces=False)
    assert report.merged == len(shapes)
    for key, made in load_file(out).items():
        number = names.index(expected(key, family, convention))
        assert torch.allclose(made, torch.full_like(made, (1 + number) * number / 32)), key


@pytest.mark.parametrize(
    ("family", "count", "first", "last"), [("sd1", 26, "BASE", "OUT11"), ("sdxl", 20, "BASE", "OUT08")]
)
def test_a_number_for_every_block_in_order(family, count, first, last) -> None:
    numbers = numbers_by_block(",".join(map(str, range(count))), family, "supermerger", 9.0)
    assert list(numbers.values()) == list(range(count))
    assert (next(iter(numbers)), list(numbers)[-1]) == (first, last)


def test_the_list_of_26_without_what_sdxl_has_not() -> None:
    """S087: IN09 to IN11 and OUT09 to OUT11 fall away."""
    numbers = numbers_by_block(",".join(map(str, range(26))), "sdxl", "supermerger", 0.0)
    assert list(numbers.values()) == [*range(10), 13, *range(14, 23)]


def test_short_lists_are_of_lora_files_and_leave_the_other_blocks_at_0() -> None:
    sd1 = numbers_by_block(",".join("1" * 17), "sd1", "supermerger", 0.5)
    assert [name for name, value in sd1.items() if not value] == [
        "IN00", "IN03", "IN06", "IN09", "IN10", "IN11", "OUT00", "OUT01", "OUT02",
    ]  # fmt: skip
    sdxl = numbers_by_block(",".join("1" * 12), "sdxl", "supermerger", 0.5)
    assert [name for name, value in sdxl.items() if not value] == [
        "IN00", "IN01", "IN02", "IN03", "IN06", "OUT06", "OUT07", "OUT08",
    ]  # fmt: skip


def test_mecha_gives_the_vae_of_sdxl_a_21st_number() -> None:
    numbers = numbers_by_block(",".join(["0"] * 20 + ["1"]), "sdxl", "mecha", 0.0)
    assert [name for name, value in numbers.items() if value] == ["VAE"]


def test_blocks_by_name_leave_the_others_at_the_ratio() -> None:
    numbers = numbers_by_block("OUT*=1, in00=0.25", "sd1", "supermerger", 0.5)
    assert {numbers[f"OUT{n:02}"] for n in range(12)} == {1.0}
    assert (numbers["IN00"], numbers["M00"], numbers["BASE"]) == (0.25, 0.5, 0.5)


@pytest.mark.parametrize(
    ("text", "family", "words"),
    [
        (",".join("0" * 25), "sd1", "25 numbers fit no list of blocks of sd1"),
        (",".join("0" * 27), "sd1", "17 are BASE, IN01-IN02, IN04-IN05, IN07-IN08, M00, OUT03-OUT11"),
        (",".join("0" * 27), "sdxl", "20 are BASE, IN00-IN08, M00, OUT00-OUT08"),
        ("0,x,1", "sd1", "'x' is no number for a block"),
        ("0,nan,1", "sd1", "'nan' is no number for a block"),
        ("IN09=1", "sdxl", "sdxl has no block 'IN09'"),
        ("IN00=1,0.5", "sd1", "sd1 has no block '0.5'"),
    ],
)
def test_a_wrong_list_says_which_map_is_expected(text, family, words) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        numbers_by_block(text, family, "supermerger", 0.0)
