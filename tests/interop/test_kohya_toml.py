"""kohya's dataset files (S049): three levels of keys, errors that name the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.bucket_rule import bucket_rule
from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.kohya.dataset_file import plan_kohya_toml
from curator.interop.matching.word_import import HAS_WORDS

FILE = """
[general]
shuffle_caption = true
caption_extension = ".txt"
keep_tokens = 1

[[datasets]]
resolution = [768, 512]
batch_size = 4
enable_bucket = true
keep_tokens = 2

  [[datasets.subsets]]
  image_dir = "cats"
  num_repeats = 3
  keep_tokens = 3
  caption_prefix = "photo of"
  caption_dropout_every_n_epochs = 5
  token_warmup_min = 2
  token_warmup_step = 100
  color_aug = true

  [[datasets.subsets]]
  image_dir = "dogs"
  class_tokens = "dog"
  flip_aug = true

  [[datasets.subsets]]
  image_dir = "cats"

  [[datasets.subsets]]
  image_dir = "birds"
  num_repeats = 0
"""


@pytest.fixture
def home(draw: Any, tmp_path: Path) -> Path:
    draw("cats", "a.png", "b.png", text="cat, indoors, red")
    draw("dogs", "c.png")
    draw("birds", "d.png")
    return tmp_path


def write(home: Path, text: str) -> Path:
    file = home / "data.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_nearest_level_wins(home: Path) -> None:
    plan = plan_kohya_toml(write(home, FILE))
    cats, dogs = plan.subsets
    assert (cats.name, cats.images, cats.repeats) == ("cats", 2, 3.0)
    assert cats.rules == CaptionRules(
        shuffle=True, keep_tags=3, prefix="photo of", dropout_every_epochs=5, warmup_tags=2, warmup_steps=100
    )
    assert (dogs.rules.keep_tags, dogs.flip, dogs.class_tokens) == (2, True, "dog")
    assert plan.rule == BucketRule(768, 512, 256, 1024, 64, upscale=True)
    assert any("batch.size = 4" in note for note in plan.notes)
    assert any("color_aug" in note for note in plan.notes)
    assert [each.reason.partition(" ")[2][:20] for each in plan.ignored] == [
        "names what an earlie",
        "its repeats are 0; 1",
    ]


def test_it_is_carried_out(home: Path, collection: Collection) -> None:
    carry_out(collection, plan_kohya_toml(write(home, FILE)))
    assert collection.settings.get("bucket_rule")["width"] == 768
    assert [each.name for each in collection.subsets.list()] == ["cats", "dogs"]
    assert len(select(collection, "subset:cats")) == 2
    assert [tag.name for tag in collection.all_tags()] == ["cat", "indoors", "red", "dog"]


def test_subsets_and_rule_of_an_import_are_taken_back_as_one(home: Path, collection: Collection) -> None:
    carry_out(collection, plan_kohya_toml(write(home, FILE)))
    (made,) = [each for each in collection.history() if "subset cats" in each.what]
    assert made.what.startswith("import of kohya-toml: bucket rule: width 512 -> 768")
    assert made.actor == "import"
    collection.undo(commit=made.id)
    assert collection.subsets.list() == []
    assert bucket_rule(collection) == BucketRule()
    assert len(collection.all_tags()) == 4


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("num_repeat = 2", "subsets[0] has the unknown key 'num_repeat'"),
        ("num_repeats = '2'", "subsets[0].num_repeats is '2'"),
        ("num_repeats = true", "subsets[0].num_repeats is True"),
        ("flip_aug = 1", "subsets[0].flip_aug is 1"),
        ("resolution = 512", "unknown key 'resolution'"),
        ("caption_dropout_rate = 2.0", "caption_dropout is 2.0"),
        ("keep_tokens = -1", "keep_tags is -1"),
        ("validation_split = 0.1", "subsets[0] has the unknown key 'validation_split'"),
    ],
)
def test_mistakes_name_the_place(home: Path, line: str, says: str) -> None:
    text = f"[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cats'\n{line}\n"
    with pytest.raises(UserError) as error:
        plan_kohya_toml(write(home, text))
    assert says in error.value.what


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[datasets]\n", "data.toml"),
        ("[[dataset]]\n", "unknown table 'dataset'"),
        ("[general]\n", "no [[datasets]]"),
        ("[[datasets]]\nresolution = 512\n", "no [[subsets]]"),
        ("[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'cats'\n", "no resolution"),
        (
            "[[datasets]]\nresolution = [1, 2, 3]\n[[datasets.subsets]]\nimage_dir = 'cats'\n",
            "resolution is [1, 2, 3]",
        ),
        ("[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cows'\n", "there is no cows"),
        ("[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nnum_repeats = 1\n", "no image_dir"),
        (
            "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cats'\n"
            "[[datasets.subsets]]\nimage_dir = 'dogs'\nmetadata_file = 'm.json'\n",
            "mixes",
        ),
    ],
)
def test_broken_files(home: Path, text: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        plan_kohya_toml(write(home, text))
    assert says in error.value.what


def test_metadata_and_caption_files_of_other_endings(home: Path, collection: Collection) -> None:
    (home / "m.json").write_text('{"a.png": {"caption": "a cat", "tags": "x, y"}}')
    (home / "dogs/c.tags").write_text("dog, brown, dog\nsecond line")
    text = (
        "[general]\nshuffle_caption = true\n"
        "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cats'\nmetadata_file = 'm.json'\n"
        "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'dogs'\ncaption_extension = 'tags'\n"
    )
    for file in (home / "cats").glob("*.txt"):
        file.unlink()
    carry_out(collection, plan_kohya_toml(write(home, text)))
    assert [tag.name for tag in collection.tags_of(select(collection, "name:a.png").ids.tolist()[0])] == [
        "x",
        "y",
    ]
    assert [tag.name for tag in collection.tags_of(select(collection, "name:c.png").ids.tolist()[0])] == [
        "dog",
        "brown",
    ]


def test_crops_masks_and_scaling_are_carried_over_and_the_rest_is_named(
    home: Path, collection: Collection
) -> None:
    """S049: every key of a subset is mapped or named."""
    text = (
        "[general]\nresize_interpolation = 'cubic'\n[[datasets]]\nresolution = 512\n"
        "[[datasets.subsets]]\nimage_dir = 'cats'\nrandom_crop = true\nalpha_mask = true\nis_reg = true\n"
        "[[datasets.subsets]]\nimage_dir = 'dogs'\nface_crop_aug_range = '1.0,2.0'\ncache_info = true\n"
        "custom_attributes = {a = 1}\nconditioning_data_dir = 'cats'\ncolor_aug = true\n"
    )
    plan = plan_kohya_toml(write(home, text))
    assert plan.rule
    assert plan.rule.resample == "bicubic"
    said = " ".join(plan.notes)
    for name in (
        "face_crop_aug_range",
        "cache_info",
        "custom_attributes",
        "conditioning_data_dir",
        "color_aug",
    ):
        assert name in said
    carry_out(collection, plan)
    assert {each.name: (each.crop, each.mask, each.is_reg) for each in collection.subsets.list()} == {
        "cats": ("random", "alpha", True), "dogs": ("face", "none", False),
    }  # fmt: skip


def test_two_ways_of_scaling_in_one_dataset_are_refused(home: Path) -> None:
    text = (
        "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cats'\nresize_interpolation = 'area'\n"
        "[[datasets.subsets]]\nimage_dir = 'dogs'\n"
    )
    with pytest.raises(UserError, match="resize_interpolation"):
        plan_kohya_toml(write(home, text))
    with pytest.raises(UserError, match="resize_interpolation"):
        plan_kohya_toml(write(home, text.replace("area", "magic")))


def test_two_subsets_of_one_folder_are_told(home: Path, collection: Collection) -> None:
    """An image that two subsets claim stays in the first; metadata for missing files counts no image."""
    (home / "m.json").write_text('{"a.png": {"tags": "x"}, "gone.png": {"tags": "y"}}')
    part = "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cats'\n"
    plan = plan_kohya_toml(write(home, f"{part}metadata_file = 'm.json'\n{part}"))
    assert [each.images for each in plan.subsets] == [1, 2]
    assert any("stays in the first" in note for note in plan.notes)
    carry_out(collection, plan)
    assert [each.name for each in collection.subsets.list()] == ["cats", "cats 2"]


UPSTREAM = {
    "batch_size": 2, "bucket_no_upscale": True, "bucket_reso_steps": 32, "enable_bucket": True, "max_bucket_reso": 1024,
    "min_bucket_reso": 128, "network_multiplier": 1.0, "skip_image_resolution": 8, "validation_split": 0.1,
    "validation_seed": 3, "resize_interpolation": "box", "color_aug": True, "face_crop_aug_range": [1.0, 3.0],
    "flip_aug": True, "num_repeats": 2, "random_crop": True, "shuffle_caption": True, "keep_tokens": 1,
    "keep_tokens_separator": "|||", "secondary_separator": ";;;", "caption_separator": ",", "enable_wildcard": True,
    "caption_prefix": "a", "caption_suffix": "b", "caption_dropout_rate": 0.1, "caption_dropout_every_n_epochs": 2,
    "caption_tag_dropout_rate": 0.1, "token_warmup_min": 1, "token_warmup_step": 5, "caption_extension": ".txt",
    "class_tokens": "x", "cache_info": True, "custom_attributes": {"a": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", UPSTREAM)
def test_every_key_that_may_stand_in_general_is_taken(home: Path, name: str) -> None:
    """S049; reference: kohya.md 1.2, and skip_image_resolution of kohya-ss/sd-scripts#2273."""
    value = UPSTREAM[name]
    text = "{a = 1}" if isinstance(value, dict) else repr(value).replace("True", "true")
    file = write(home, f"[general]\n{name} = {text}\n[[datasets]]\nresolution = 512\n"
                       "[[datasets.subsets]]\nimage_dir = 'cats'\n")  # fmt: skip
    assert [each.images for each in plan_kohya_toml(file).subsets] == [2]


@pytest.mark.parametrize("split", ["1", "1.0", "2", "-0.1"])
def test_a_validation_split_that_trains_nothing_is_refused(home: Path, split: str) -> None:
    text = f"[[datasets]]\nresolution = 512\nvalidation_split = {split}\n[[datasets.subsets]]\nimage_dir = 'cats'\n"
    with pytest.raises(UserError, match="validation_split"):
        plan_kohya_toml(write(home, text))


def test_a_validation_split_is_carried_over(home: Path, collection: Collection) -> None:
    """S049: share and seed, of all but regularisation; that other images are held out is said."""
    text = (
        "[general]\nvalidation_seed = 3\n[[datasets]]\nresolution = 512\nvalidation_split = 0.25\n"
        "[[datasets.subsets]]\nimage_dir = 'cats'\n[[datasets.subsets]]\nimage_dir = 'dogs'\nis_reg = true\n"
    )
    plan = plan_kohya_toml(write(home, text))
    assert [note for note in plan.notes if "validation_split" in note and "left out" not in note]
    assert not [note for note in plan.notes if "no place here" in note]
    carry_out(collection, plan)
    cats, dogs = collection.subsets.list()
    assert (cats.validation_share, cats.validation_seed, dogs.validation_share) == (0.25, 3, 0.0)


def test_metadata_with_full_paths_needs_no_folder(home: Path, collection: Collection) -> None:
    """image_dir may be left out then; only the folders of the images are indexed."""
    (home / "meta").mkdir()
    rows = {str(home / "cats/a.png"): {"tags": "x"}, str(home / "dogs/c.png"): {"tags": "y"}}
    (home / "meta/m.json").write_text(json.dumps(rows))
    text = "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nmetadata_file = 'meta/m.json'\n"
    plan = plan_kohya_toml(write(home, text))
    assert set(plan.folders) == {home / "cats", home / "dogs"}
    report = carry_out(collection, plan)
    assert (report.scanned.added, dict(report.words.funnel)) == (3, {"kept": 1, HAS_WORDS: 1})
    assert len(select(collection, f"subset:'{plan.subsets[0].name}'")) == plan.subsets[0].images == 2


def test_a_file_that_gives_no_subset_is_refused(home: Path) -> None:
    text = "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = 'cats'\nnum_repeats = 0\n"
    with pytest.raises(UserError, match="no subset") as error:
        plan_kohya_toml(write(home, text))
    assert "its repeats are 0" in error.value.hint


def test_a_folder_written_with_backslashes(home: Path) -> None:
    text = "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = '.\\cats'\n"
    assert [each.folder for each in plan_kohya_toml(write(home, text)).subsets] == [home / "cats"]
