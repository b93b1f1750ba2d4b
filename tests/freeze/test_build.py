from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.locations import manifests_folder
from curator.contract.manifest.digest import verify_digest
from curator.contract.manifest.manifest import open_manifest
from curator.freeze.collection import freeze_named
from curator.freeze.listing import FrozenManifest
from curator.freeze.members import FreezeSpec
from curator.index.changes.edits import AddTags, RenameTag
from curator.index.collection import Collection
from curator.index.tables.rows import Subset
from tests.freeze.conftest import PICTURES, Maker, Picture
from tests.freezing import freeze, members_of

SPEC = FreezeSpec(
    BucketRule(),
    (
        Subset("cats", "cat", 2.5, rules=CaptionRules(shuffle=True, keep_tags=1, trigger="sls")),
        Subset("rest", "-cat", 1.0, 0.5, True),
    ),
)


def frozen(collection: Collection, spec: FreezeSpec = SPEC, name: str = "m") -> FrozenManifest:
    return freeze(collection, spec, members_of(collection, spec), collection.folder / f"{name}.manifest")


def test_captions_are_taken_apart_at_the_freeze(collect: Maker) -> None:
    """S016, S022."""
    with open_manifest(frozen(collect(PICTURES)).path) as manifest:
        verify_digest(manifest)
        parts = {image.path: image.parts for image in manifest.images()}
        assert (parts["a.png"].head, parts["a.png"].middle) == (("sls", "cat"), ("outdoors",))
        assert parts["b.png"].text == "a cat on a wall"
        assert manifest.tag_classes()["sls"] == "trigger"
        assert manifest.header.subsets[1].flip
        assert manifest.header.subsets[1].loss_weight == 0.5


def test_rows_stand_in_training_order(collect: Maker) -> None:
    with open_manifest(frozen(collect(PICTURES)).path) as manifest:
        order = [(image.bucket, image.repeats, image.subset, image.path) for image in manifest.images()]
    assert order == sorted(order)


def test_equal_choices_have_an_equal_digest(collect: Maker) -> None:
    """Whatever the order images and tags were met in, and whatever else the collection holds."""
    first = frozen(collect(PICTURES, "one"))
    other = collect(PICTURES[::-1], "two")
    other.apply(AddTags(("stray",)), list(other.images.alive()))
    other.undo()
    assert frozen(other).digest == first.digest
    other.apply(RenameTag("outdoors", "outside"))
    assert frozen(other).digest != first.digest


@pytest.mark.parametrize("calls", [1, 3, 5])
def test_a_cancelled_freeze_leaves_nothing(collect: Maker, calls: int) -> None:
    """While it reads, and while it writes."""
    collection = collect([Picture(f"{i}.png", (512, 512)) for i in range(5)])
    spec = FreezeSpec(BucketRule(), (Subset("all", ""),))
    told: list[tuple[int, int]] = []

    def cancel(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == calls:
            raise KeyboardInterrupt

    members = members_of(collection, spec)
    if calls < 5:
        with pytest.raises(KeyboardInterrupt):
            freeze(collection, spec, members, collection.folder / "m.manifest", cancel)
        assert not list(collection.folder.glob("*manifest*"))
    else:
        freeze(collection, spec, members, collection.folder / "m.manifest", cancel)
        assert told == sorted(told)
        assert (told[0], told[-1]) == ((0, 5), (5, 5))


def test_an_empty_selection_is_a_sentence(collect: Maker) -> None:
    with pytest.raises(UserError, match="no image"):
        frozen(collect(PICTURES), FreezeSpec(BucketRule(), (Subset("x", "unicorn"),)))


def test_names_that_are_not_utf8_are_kept(collect: Maker) -> None:
    import os

    name = os.fsdecode(b"caf\xe9 [b].png")
    made = frozen(
        collect([Picture(name, (64, 64), ("[red]tag[/red]",))]),
        FreezeSpec(BucketRule(), (Subset("all", ""),)),
    )
    with open_manifest(made.path) as manifest:
        verify_digest(manifest)
        (image,) = manifest.images()
        assert image.path == name
        assert image.parts.middle == ("[red]tag[/red]",)
        assert Path(manifest.file_of(image)).name == name


def test_a_name_that_is_taken_meanwhile_is_not_taken_again(collect: Maker) -> None:
    """Two freezes at once: the later one says so and leaves the other's manifest."""
    collection = collect(PICTURES)
    folder = manifests_folder(collection.folder)

    def taken(done: int, total: int) -> None:
        if done == total:
            (folder / "v1.manifest").write_text("of another")

    with pytest.raises(UserError, match="there is a manifest"):
        freeze_named(collection, "v1", taken)
    assert [file.name for file in folder.iterdir()] == ["v1.manifest"]
    assert (folder / "v1.manifest").read_text() == "of another"
    assert freeze_named(collection, "v1", replace=True).images == len(PICTURES)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_edits_meanwhile_are_not_seen(collect: Maker, call: int) -> None:
    """All rows are of the moment the freeze began: whether another edits before, while or after rows are read."""
    collection = collect(PICTURES)
    before = frozen(collection).digest
    members = members_of(collection, SPEC)
    calls = 0

    def edit(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            with Collection.open(collection.folder) as other:
                other.apply(AddTags((f"late {call}",)), list(other.images.alive()))

    assert freeze(collection, SPEC, members, collection.folder / "again", edit).digest == before
    assert calls >= call
    assert frozen(collection).digest != before
