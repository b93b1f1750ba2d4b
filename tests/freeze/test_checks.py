from __future__ import annotations

import shutil
from pathlib import Path

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.recipe.recipe import BatchSize
from curator.filter.evaluate import select
from curator.freeze.checks.checks import FreezeReport
from curator.freeze.members import FreezeSpec
from curator.index.collection import Collection
from curator.index.tables.rows import Subset
from tests.freeze.conftest import PICTURES, Maker, Picture
from tests.freezing import check


def report(collection: Collection, *subsets: Subset, batch: int = 1) -> FreezeReport:
    spec = FreezeSpec(BucketRule(), subsets)
    return check(collection, spec, BatchSize(size=batch))


def told(found: FreezeReport, level: str) -> str:
    return "\n".join(finding.what for finding in found.findings if finding.level == level)


def test_nothing_to_freeze_stops(collect: Maker) -> None:
    assert "no image" in told(report(collect(PICTURES), Subset("x", "unicorn")), "stop")


def test_a_lost_folder_stops(collect: Maker) -> None:
    collection = collect(PICTURES)
    shutil.rmtree(collection.folder / "pictures")
    assert "is gone" in told(report(collection, Subset("all", "")), "stop")


def test_warnings_name_their_pictures(collect: Maker) -> None:
    """Each finding opens the browser on what it speaks of."""
    collection = collect(PICTURES)
    found = report(
        collection, Subset("cats", "cat"), Subset("outside", "outdoors"), Subset("all", ""), batch=4
    )
    warnings = told(found, "warn")
    assert "subset outside: 1 image already belongs to an earlier subset, which keeps it" in warnings
    assert "subset all: 1 image has neither tags nor caption" in warnings
    assert "1 image would be enlarged more than twice" in warnings
    assert "bucket 448x576 has 1 of 4" in warnings or "samples of one batch" in warnings
    assert not found.stops
    for finding in found.findings:
        if finding.filter:
            assert len(select(collection, finding.filter)) > 0


def test_a_trigger_is_caption_enough(collect: Maker) -> None:
    found = report(collect(PICTURES), Subset("all", "", rules=CaptionRules(trigger="sls")))
    assert "neither tags nor caption" not in told(found, "warn")


def test_empty_and_silent_subsets_are_told(collect: Maker) -> None:
    warnings = told(
        report(collect(PICTURES), Subset("none", "unicorn"), Subset("few", "bird", 0.2), Subset("all", "")),
        "warn",
    )
    assert "subset none has no images" in warnings
    assert "no image has the tag 'unicorn'" in warnings
    assert "subset few: 1 image x 0.2 shows nothing" in warnings


def test_a_fraction_that_small_buckets_swallow_is_told(collect: Maker) -> None:
    """0.4 of one image in each of six buckets is nothing in every epoch: no silent loss."""
    sizes = [(256, 1024), (320, 768), (384, 640), (448, 576), (512, 512), (576, 448)]
    collection = collect([Picture(f"{size}.png", size, ("cat",)) for size in sizes])
    warnings = told(report(collection, Subset("cats", "cat", 0.4)), "warn")
    assert "6 images are alone in their buckets" in warnings
    warnings = told(report(collection, Subset("cats", "cat", 1.5)), "warn")
    assert "subset cats: 6 samples an epoch, 9.0 were meant" in warnings


def test_a_weight_over_several_tags_is_named_where_tags_move(collect: Maker) -> None:
    """S025: shuffle and dropout would part it; where nothing moves, or in the head, it is well."""
    collection = collect(
        [
            Picture("a.png", (512, 512), ("(red hair", "smile:1.2)", "sky")),
            Picture("b.png", (512, 512), ("saber (fate)", "[sky]", ":(")),
        ]
    )
    shuffled = report(collection, Subset("all", "", rules=CaptionRules(shuffle=True)))
    (finding,) = [each for each in shuffled.findings if "bracket" in each.what]
    assert "1 image has" in finding.what
    assert "'(red hair, smile:1.2)' of a.png" in finding.what
    assert select(collection, finding.filter).ids.tolist() == [1]
    for rules in (CaptionRules(), CaptionRules(shuffle=True, keep_tags=2)):
        assert "bracket" not in told(report(collection, Subset("all", "", rules=rules)), "warn")


def folder_of(collection: Collection) -> Path:
    return Path(next(iter(collection.images.roots())))


def test_lost_files_are_told(collect: Maker) -> None:
    collection = collect(PICTURES)
    for picture in PICTURES[1:]:
        (folder_of(collection) / picture.name).touch()
    found = report(collection, Subset("all", ""))
    (lost,) = [each for each in found.findings if " gone" in each.what]
    assert lost.what == "1 of 6 files looked at is gone"
    assert select(collection, lost.filter).ids.tolist() == [1]


def test_regularisation_is_told(collect: Maker) -> None:
    """S045: surplus is left out and counted; nothing else to train stops."""
    collection = collect(PICTURES)
    found = report(collection, Subset("dogs", "dog"), Subset("class", "", is_reg=True))
    assert "2 regularisation images are surplus" in told(found, "warn")
    assert dict(found.preview.funnel)["regularisation surplus"] == 2
    assert dict(found.preview.funnel)["kept"] == 4
    assert "nothing but regularisation" in told(report(collection, Subset("class", "", is_reg=True)), "stop")


def test_long_captions_are_counted_in_chunks(collect: Maker) -> None:
    """S026"""
    collection = collect(
        [Picture("a.png", (512, 512), (), "a cat " * 60), Picture("b.png", (512, 512), ("cat",))]
    )
    found = report(collection, Subset("all", ""))
    (long,) = [each for each in found.findings if "tokens" in each.what]
    assert "1 of 2 captions looked at has over 75 tokens, the longest 120 (2 x 75)" in long.what
    assert select(collection, long.filter).ids.tolist() == [1]


def test_choices_that_are_torn_apart_are_told(collect: Maker) -> None:
    """A comma within braces is no fault; halves with another brace between, or alone, are."""
    collection = collect(
        [
            Picture("a.png", (512, 512), ("{red", "blue|green} dress")),
            Picture("b.png", (512, 512), ("{a|b}", "{{c", "}}")),
            Picture("c.png", (512, 512), ("green} dress", "{red")),
            Picture("d.png", (512, 512), ("{red", "hat")),
            Picture("e.png", (512, 512), ("hat",), "a {} hat"),
            Picture("f.png", (512, 512), ("hat",), "a {red|{dark|light} blue} hat"),
        ]
    )
    found = report(collection, Subset("all", "", rules=CaptionRules(wildcards=True)))
    (torn,) = [each for each in found.findings if "brace" in each.what]
    assert select(collection, torn.filter).ids.tolist() == [3, 4, 5]
    assert "brace" not in told(report(collection, Subset("all", "")), "warn")
    rules = CaptionRules(wildcards=True, prefix="a {photo|image")
    assert "a brace is left in 'a {photo|image'" in told(
        report(collection, Subset("all", "hat", rules=rules)), "warn"
    )


def test_brackets_are_tokens_unless_they_weigh(collect: Maker) -> None:
    brackets = collect([Picture("a.png", (512, 512), tuple(f"(w{chr(97 + n)})" for n in range(26)))])
    assert "75 tokens" in told(report(brackets, Subset("all", "")), "warn")


def test_triggers_are_compared(collect: Maker) -> None:
    """S022, S023: one subset forgot its trigger, another's is a plain tag elsewhere."""
    collection = collect(PICTURES)
    found = report(
        collection,
        Subset("cats", "cat", rules=CaptionRules(trigger="outdoors")),
        Subset("dogs", "dog"),
        Subset("class", "bird", is_reg=True),
    )
    warnings = told(found, "warn")
    assert "subset dogs has no trigger, while others have one" in warnings
    assert "subset class has no trigger" not in warnings
    assert "the trigger 'outdoors' is a tag of 2 images of other subsets" in warnings
    (shared,) = [each for each in found.findings if "the trigger" in each.what]
    assert select(collection, shared.filter).ids.tolist() == [3, 6]


def test_faces_that_names_do_not_tell(collect: Maker) -> None:
    collection = collect([Picture("a_50_50_20_20.png", (512, 512)), Picture("b.png", (512, 512))])
    found = report(collection, Subset("all", "", crop="face"))
    (face,) = [each for each in found.findings if "no face" in each.what]
    assert face.what == "subset all: 1 of 2 names tells of no face"
    assert select(collection, face.filter).ids.tolist() == [2]


def test_masks_that_are_missing_or_pictures_themselves(collect: Maker) -> None:
    collection = collect([Picture(name, (512, 512)) for name in ("a.png", "b.png", "c.jpg", "a-mask.png")])
    for name in ("a-mask.png", "c-masklabel.png"):
        (folder_of(collection) / name).touch()
    found = report(collection, Subset("all", "", mask="file"))
    told_of = {each.what: each.filter for each in found.findings if "mask" in each.what}
    assert list(told_of) == [
        "subset all: 1 mask would be trained as an image",
        "subset all: 1 of 4 images has no mask and counts whole",
    ]
    assert [select(collection, each).ids.tolist() for each in told_of.values()] == [[4], [2]]
    (hint,) = [each.hint for each in found.findings if "trained as" in each.what]
    narrowed = hint.removeprefix("add ").removesuffix(" to its filter")
    assert "trained as" not in told(report(collection, Subset("all", narrowed, mask="file")), "warn")
    assert "mask" not in told(report(collection, Subset("all", "")), "warn")
