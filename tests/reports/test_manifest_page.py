"""The page of a manifest: its funnel, subsets, buckets, tags, examples and findings (row B20)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curator.contract.manifest.manifest import open_manifest
from curator.reports import manifest_facts
from curator.reports.manifest_facts import buckets_of, examples_of, findings_of, subsets_of, tags_of
from curator.session.reports import report_on_manifest
from tests.reports.conftest import Home


def test_what_is_counted_is_what_the_manifest_holds(home: Home) -> None:
    with open_manifest(home.manifest) as manifest:
        subsets = {each.subset.name: each for each in subsets_of(manifest)}
        assert [(each.images, each.samples) for each in subsets.values()] == [(12, 36), (12, 12)]
        assert subsets["rest"].share == pytest.approx(0.25)
        assert sum(each.images for each in buckets_of(manifest)) == 24
        assert sum(each.samples for each in buckets_of(manifest)) == 48
        assert tags_of(manifest)["fox"] == 12
        examples = examples_of(manifest, 6)
        assert [each.subset for each in examples] == ["foxes <i>"] * 3 + ["rest"] * 3
        assert len({each.image.path for each in examples}) == 6


def test_findings_name_what_is_amiss(home: Home) -> None:
    pictures = home.folder / "pictures"
    (pictures / "00 wolf.png").unlink()
    Image.new("RGB", (9, 9)).save(pictures / "02 wolf.png")
    with open_manifest(home.manifest) as manifest:
        found = {each.what: each for each in findings_of(manifest).found}
    assert found["the file is gone, or cannot be read"].names == ("00 wolf.png",)
    assert found["the file has changed since the freeze"].names == ("02 wolf.png",)


def test_of_very_many_images_some_are_looked_at_and_that_is_said(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_facts, "_LOOKED_AT", 6)
    report_on_manifest(home.manifest, home.folder / "set.html", 2)
    assert "Looked at 6 of 24 images, evenly spread" in (home.folder / "set.html").read_text("utf-8")


@pytest.mark.parametrize("broken", [b"no picture", b""])
def test_an_example_that_cannot_be_read_is_told_in_its_place(home: Home, broken: bytes) -> None:
    for file in (home.folder / "pictures").glob("*.png"):
        file.write_bytes(broken)
    done = report_on_manifest(home.manifest, home.folder / "set.html", 4)
    assert done.pictures == 0
    assert (home.folder / "set.html").read_text("utf-8").count("no-picture wrong") == 4


def test_an_example_is_what_trains(home: Home) -> None:
    """Only the part inside the crop, in the bucket's shape."""
    from curator.pages.pictures import opened

    with open_manifest(home.manifest) as manifest:
        for each in examples_of(manifest, 8):
            shown = opened(each.file, 256, each.image.placement)
            wide, high = each.image.placement.bucket
            assert shown.width / shown.height == pytest.approx(wide / high, rel=0.02)
            assert max(shown.size) == 256


def test_it_is_told_how_far_it_is_and_may_be_given_up(home: Home) -> None:
    told: list[tuple[int, int]] = []

    def hear(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 6:
            raise KeyboardInterrupt

    report_on_manifest(home.manifest, home.folder / "set.html", 4, hear)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(KeyboardInterrupt):
        report_on_manifest(home.manifest, home.folder / "other.html", 4, hear)
    assert not [
        each.name
        for each in home.folder.iterdir()
        if "other" in each.name or each.name.startswith(".frieze-")
    ]


def test_the_bytes_of_pictures_are_bounded(home: Home, tmp_path: Path) -> None:
    from curator.pages.pictures import Pictures

    pictures = Pictures(10, most_bytes=1)
    file = next((home.folder / "pictures").glob("*.png"))
    assert "<img" in pictures.shown_from(file, "one", 64)
    assert "<img" not in pictures.shown_from(file, "two", 64)
    assert (pictures.shown, pictures.left_out) == (1, 1)
