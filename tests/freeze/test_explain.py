"""Everything about one image (B06): in or out and by which rule, bucket, captions, history."""

from __future__ import annotations

from typing import Any

import pytest

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.locations import manifests_folder
from curator.filter.language.parse import parse
from curator.filter.language.shown import parts_of, shown
from curator.freeze.explain import explain
from curator.freeze.members import spec_of
from curator.index.bucket_rule import set_bucket_rule
from curator.index.changes.edits import AddTags, SetMark
from curator.index.tables.picks import Pick
from curator.index.tables.rows import Subset
from tests.freeze.conftest import PICTURES, Picture
from tests.freezing import freeze, members_of


def test_why_it_is_in(collect: Any) -> None:
    collection = collect(PICTURES)
    collection.subsets.save(Subset("cats", "cat -indoors", 2.5, rules=CaptionRules(shuffle=True)))
    collection.subsets.save(Subset("all", ""))
    said = explain(collection, 1)
    assert said.is_in
    assert said.reason == "in subset 'cats': it meets cat -indoors"
    assert [each.reason for each in said.verdicts] == [
        "it meets cat -indoors",
        "the earlier subset 'cats' has it",
    ]
    assert (said.repeats, said.placement.bucket) == (2.5, (512, 512))
    assert len(said.captions) == 3


def test_why_it_is_out(collect: Any) -> None:
    collection = collect(PICTURES)
    collection.subsets.save(Subset("cats", "cat width>=600 -(dog OR bird) limit:1"))
    assert explain(collection, 1).verdicts[0].reason == "it does not meet width>=600"
    assert explain(collection, 3).verdicts[0].reason == "it does not meet cat, -(dog OR bird)"
    assert explain(collection, 3).reason == "in no subset"
    collection.apply(SetMark(-1), [1])
    assert explain(collection, 1).reason == "it was rejected by hand"
    collection.subsets.save(Subset("cats", "cat limit:1"))
    assert "limit" in explain(collection, 2).verdicts[0].reason


def test_a_fraction_of_a_repeat_shows_some_of_many(collect: Any) -> None:
    """B14: whether a subset shows anything goes by all of its images."""
    collection = collect([Picture(f"{number}.png", (512, 512), ("cat",)) for number in range(7)])
    collection.subsets.save(Subset("cats", "cat", 0.3))
    said = explain(collection, 1)
    assert (said.is_in, said.repeats) == (True, 0.3)
    assert said.captions
    collection.subsets.save(Subset("cats", "cat limit:1", 0.3))
    verdicts = [explain(collection, image).verdicts[0].reason for image in range(1, 8)]
    assert "its repeats of 0.3 may show it in no epoch" in verdicts


def test_it_agrees_with_the_freeze(collect: Any, tmp_path: Any) -> None:
    collection = collect(PICTURES)
    collection.subsets.save(Subset("cats", "cat"))
    collection.subsets.save(Subset("outside", "outdoors"))
    spec = spec_of(collection)
    members = members_of(collection, spec)
    freeze(collection, spec, members, tmp_path / "m.manifest")
    frozen = set().union(*members.ids)
    for image in range(1, 7):
        assert explain(collection, image).is_in == (image in frozen)


def test_its_history_and_picks(collect: Any) -> None:
    collection = collect(PICTURES)
    collection.apply(AddTags(("new",)), [1, 2])
    collection.apply(AddTags(("other",)), [2])
    collection.undo()
    collection.picks.save(Pick("mine", collection.bitmaps.of(collection.tags.find("cat").id), ""))
    said = explain(collection, 2)
    assert [(each.what, each.undone) for each in said.history] == [
        ("add 'other'", True),
        ("add 'new'", False),
    ]
    assert [each.what for each in explain(collection, 1).history] == ["add 'new'"]
    assert said.picks == ("mine",)


def test_where_it_is_frozen(collect: Any) -> None:
    """Its rows in the manifests of the collection, found by its path; a damaged manifest is named and passed over."""
    collection = collect(PICTURES)
    collection.subsets.save(Subset("cats", "cat", 2.5))
    for name in ("first", "second"):
        spec = spec_of(collection)
        freeze(
            collection,
            spec,
            members_of(collection, spec),
            manifests_folder(collection.folder) / f"{name}.manifest",
        )
        collection.subsets.save(Subset("cats", "cat", 3))
    (manifests_folder(collection.folder) / "broken.manifest").write_bytes(b"no")
    said = explain(collection, 2)
    assert [(each.manifest, each.row, each.repeats) for each in said.frozen] == [
        ("first", 1, 2.5),
        ("second", 1, 3.0),
    ]
    (why,) = said.passed_over
    assert "broken.manifest" in why
    assert explain(collection, 3).frozen == ()


def test_regularisation_and_faces_are_explained(collect: Any) -> None:
    """S045: the repeats that the balance gives, and surplus; a crop follows the face that the name tells of."""
    names = ("a_900_100_50_50.png", "b.png", "c.png", "d.png")
    collection = collect([Picture(name, (1024, 512), ("cat",) if name == "d.png" else ()) for name in names])
    collection.subsets.save(Subset("cats", "cat", 5, crop="face"))
    collection.subsets.save(Subset("class", "", 2, is_reg=True, crop="face"))
    assert [explain(collection, image).repeats for image in (1, 2, 3, 4)] == [2.0, 2.0, 2.0, 5.0]
    collection.subsets.save(Subset("cats", "cat", 3))
    said = explain(collection, 3)
    assert (said.is_in, said.repeats) == (False, 0.0)
    assert said.reason == "regularisation surplus: training gives fewer samples than subset 'class'"
    set_bucket_rule(collection, BucketRule(512, 512, 512, 512))
    assert explain(collection, 1).placement.crop == (512, 0, 1024, 512)
    assert not explain(collection, 1).is_cut_anew
    collection.subsets.save(Subset("cats", "cat", 3, crop="random"))
    assert explain(collection, 4).is_cut_anew
    set_bucket_rule(collection, BucketRule(1024, 512, 256, 1024))
    assert not explain(collection, 4).is_cut_anew  # it fits: there is no room to move


def test_no_such_image(collect: Any) -> None:
    with pytest.raises(UserError, match="no image 99"):
        explain(collect(PICTURES), 99)


@pytest.mark.parametrize(
    "text",
    [
        "cat",
        '"a b"',
        "-cat",
        "(a OR b)",
        "artist:ann",
        "width>=5",
        "width<5",
        "mark:keep",
        "path:/x.y/",
        "width!=5",
        "ratio=1.5",
        "bytes:1000000..3000000",
        "date>=2021-05-06",
    ],
)
def test_parts_are_written_as_they_are_read(text: str) -> None:
    (part,) = parts_of(parse(text, ["artist"]).where)
    again = parts_of(parse(shown(part), ["artist"]).where)
    assert [shown(each) for each in again] == [shown(part)]
    assert shown(part) in (text, text.replace("=1.5", ":1.495..1.505"), "path:/x.y/")
