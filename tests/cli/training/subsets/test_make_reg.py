"""`frieze subset make-reg`: the base model's own images of the class become the regularisation subset (S046)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Frieze


def test_pictures_of_the_class_become_a_subset(tiny_model: Path, collection: Path, frieze: Frieze) -> None:
    """S046, S045: as many of each bucket as training has; the freeze balances them; asked again, nothing is made."""
    assert frieze("subset", "add", "foxes", "animal", "--repeats", 2).code == 0
    assert frieze("buckets", "--resolution", 64, "--min", 32, "--max", 128, "--step", 32, "--set").code == 0
    words = (
        "subset",
        "make-reg",
        "class",
        "--model",
        tiny_model,
        "--prompt",
        "animal",
        "--count",
        3,
        "--steps",
        2,
    )
    done = frieze(*words)
    assert done.code == 0, done.err
    made = sorted((collection / "class" / "class").glob("*.png"))
    assert len(made) == 3
    trained = {tuple(each) for each in frieze("buckets", "--json").json["buckets"]}
    for file in made:
        with Image.open(file) as picture:
            assert picture.size in trained
    subsets = {each["name"]: each for each in frieze("subset", "list", "--json").json}
    assert subsets["foxes"]["images"] == 4
    assert (subsets["class"]["is_reg"], subsets["class"]["images"]) == (True, 3)
    assert frieze("freeze", "set").code == 0
    assert frieze("manifest", "show", "set", "--json").json["samples_per_epoch"] == 2 * 2 * 4
    assert frieze("subset", "set", "class", "--loss-weight", 0.5).code == 0
    stamps = [file.stat().st_mtime_ns for file in made]
    assert frieze(*words).code == 0
    assert [file.stat().st_mtime_ns for file in made] == stamps
    again = {each["name"]: each for each in frieze("subset", "list", "--json").json}
    assert again["class"]["loss_weight"] == 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "100x65"), "the size is 100x65"),
        (("--model", "/no/such", "--size", "64"), "there is no model at /no/such"),
    ],
)
def test_mistakes_are_sentences(
    words: tuple[str, ...], said: str, tiny_model: Path, collection: Path, frieze: Frieze
) -> None:
    assert collection.is_dir()
    done = frieze(
        "subset", "make-reg", "class", "--model", tiny_model, "--prompt", "animal", "--count", 1, *words
    )
    assert done.code == 2
    assert said in done.err


def test_without_a_subset_everything_goes_on_training(
    tiny_model: Path, collection: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the folder one stands in is run, either."""
    (collection / "train.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(collection)
    words = ("--model", tiny_model, "--prompt", "animal", "--count", 1, "--steps", 1, "--size", "64x64")
    done = frieze("subset", "make-reg", "class", *words)
    assert done.code == 0, done.err
    subsets = {each["name"]: each["images"] for each in frieze("subset", "list", "--json").json}
    assert subsets == {"class": 1, "all": 4}


def test_a_subset_of_training_is_not_taken_over(tiny_model: Path, collection: Path, frieze: Frieze) -> None:
    assert collection.is_dir()
    assert frieze("subset", "add", "foxes", "fox").code == 0
    assert frieze("subset", "add", "photos", "owl", "--reg").code == 0
    for name in ("foxes", "photos"):
        done = frieze("subset", "make-reg", name, "--model", tiny_model, "--prompt", "fox")
        assert done.code == 2
        assert f"there is a subset '{name}'" in done.err
