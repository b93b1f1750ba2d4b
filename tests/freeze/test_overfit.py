"""What a subset would overfit to, and what a freeze says of it (B22)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.recipe.recipe import BatchSize
from curator.filter.evaluate import select
from curator.freeze.checks import overfit
from curator.freeze.checks.finding import PictureFilters
from curator.freeze.checks.overfit import Overfit, overfits
from curator.freeze.members import FreezeSpec, members_of
from curator.freeze.reader import FreezeReader
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.rows import Subset
from curator.tags.tables import SETTING, default_tables, keep_changes
from tests.freeze.conftest import Maker, Picture
from tests.freezing import check
from tests.images import NewImage, add_images

MIA = Subset("mia", "mia", rules=CaptionRules(trigger="mia"))
TABLE = default_tables()["overfit"]


def pictures(*tags: tuple[str, ...]) -> list[Picture]:
    """One for each, with the trigger and a tag of its own."""
    return [Picture(f"{n}.png", (512, 512), ("mia", f"thing {n}", *each)) for n, each in enumerate(tags)]


def found_in(
    collection: Collection, subset: Subset = MIA, share: float | None = None, **table: object
) -> list[Overfit]:
    with FreezeReader.opened(collection) as reader:
        spec = FreezeSpec(BucketRule(), (subset,))
        filters = PictureFilters(reader, spec, members_of(reader, spec))
        return overfits(filters, 0, {**TABLE, **table}, share)


def of_kind(kind: str, found: list[Overfit]) -> list[tuple[str, int]]:
    return [(each.what, len(each.images)) for each in found if each.kind == kind]


def test_tags_on_most_images_come_with_the_trigger(collect: Maker) -> None:
    """Those that count people, name the image's making or are spared are no surprise."""
    shirt = [("white shirt", "1girl", "red eyes")] * 9 + [("1girl", "red eyes", "hat")] * 1
    collection = collect(pictures(*shirt))
    found = found_in(collection, spared=["* eyes"])
    assert of_kind("tag", found) == [("white shirt", 9)]
    (tag,) = found
    assert tag.share == 0.9
    assert select(collection, tag.filter).bitmap() == tag.images
    assert of_kind("tag", found_in(collection)) == [("red eyes", 10), ("white shirt", 9)]
    assert of_kind("tag", found_in(collection, share=0.95)) == [("red eyes", 10)]
    assert of_kind("tag", found_in(collection, share=0.1))[-1] == ("hat", 1)


def test_the_trigger_and_tags_of_other_classes_are_left_out(collect: Maker) -> None:
    collection = collect(pictures(*[("masterpiece",)] * 8))
    (tag,) = (each.id for each in collection.all_tags() if each.name == "masterpiece")
    assert of_kind("tag", found_in(collection)) == [("masterpiece", 8)]
    with collection.writing():
        collection.tags.set_class([tag], ["quality"])
    assert of_kind("tag", found_in(collection)) == []


def test_captions_alike_in_any_order(collect: Maker) -> None:
    tags = [("a", "b"), ("b", "a"), ("a", "c"), *((f"x{n}",) for n in range(6))]
    made = [Picture(f"{n}.png", (512, 512), ("mia", *each)) for n, each in enumerate(tags)]
    made += [Picture(f"p{n}.png", (512, 512), ("mia",), f"text {n // 2}") for n in range(4)]
    found = found_in(collect(made))
    assert of_kind("caption", found) == [
        ("mia, mia, a, b", 2),
        ("mia, mia, text 0", 2),
        ("mia, mia, text 1", 2),
    ]


def test_copies_of_one_image(collect: Maker) -> None:
    collection = collect(pictures(*[()] * 8))
    with collection.writing():
        root = collection.images.root(str(collection.folder / "pictures"))
    facts = FileFacts(hashlib.sha256(b"0.png").digest(), 1000, 1, 512, 512, "png")
    add_images(collection, [NewImage(root, f"again {n}.png", facts, ("mia", f"other {n}")) for n in range(2)])
    (copy,) = (each for each in found_in(collection) if each.kind == "copy")
    assert len(select(collection, copy.filter)) == len(copy.images) == 3
    assert copy.what.endswith("0.png")


def test_views_that_are_never_seen(collect: Maker) -> None:
    """Said where half the images say how they are seen; the tag's spelling is any."""
    views = ["portrait", "from side"]
    half = [("portrait",)] * 4 + [("hat",)] * 4
    assert of_kind("view", found_in(collect(pictures(*half)), views=views)) == [("from side", 0)]
    fewer = [("portrait",)] * 3 + [("hat",)] * 5
    assert of_kind("view", found_in(collect(pictures(*fewer), "b"), views=views)) == []
    both = [("portrait",)] * 7 + [("from_side",)]
    assert of_kind("view", found_in(collect(pictures(*both), "c"), views=views)) == []


def test_few_images_say_nothing(collect: Maker) -> None:
    assert found_in(collect(pictures(*[("hat",)] * 7))) == []


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_a_share_that_is_none(collect: Maker, share: float) -> None:
    with pytest.raises(UserError, match="share"):
        found_in(collect(pictures(*[("hat",)] * 8)), share=share)


def test_of_many_images_a_sample_is_compared(collect: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfit, "_LOOKED_AT", 5)
    collection = collect([Picture(f"{n}.png", (512, 512), ("mia",)) for n in range(20)])
    (caption,) = (each for each in found_in(collection) if each.kind == "caption")
    assert (len(caption.images), caption.looked_at) == (5, 5)


def test_a_freeze_warns_of_subsets_with_a_trigger(collect: Maker) -> None:
    """One finding of each kind, whose filter selects the images; the collection's own table counts."""
    collection = collect(pictures(*[("white shirt",)] * 9, ("hat",)))

    def told(subset: Subset) -> list[tuple[str, int]]:
        report = check(collection, FreezeSpec(BucketRule(), (subset,)), BatchSize())
        said = [each for each in report.findings if "trigger will mean" in each.what]
        return [(each.what, len(select(collection, each.filter))) for each in said]

    assert told(MIA) == [("subset mia: the trigger will mean white shirt 90% too", 9)]
    assert told(replace(MIA, rules=CaptionRules())) == []
    keep_changes(collection, {"overfit": {"spared": ["white *"]}})
    assert collection.settings.get(SETTING)
    assert told(MIA) == []
    keep_changes(collection, {"overfit": {"share": 1}})
    assert told(MIA) == []
