"""`frieze scan`: quick, full, of a tar, and what it says while it runs."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from curator.index.collection import Collection
from tests.cli.conftest import Frieze


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 16), number).save(folder / f"{number}.png")
    return folder


def test_quick_and_full(frieze: Frieze, pictures: Path) -> None:
    assert "3 added" in frieze("scan", pictures).out
    for word in ("--quick", "--full"):
        assert "3 unchanged" in frieze("scan", pictures, word).out
    refused = frieze("scan", pictures, "--quick", "--full")
    assert refused.code == 2
    assert "either full or quick" in refused.err


def test_a_tar_makes_its_collection_beside_it(frieze: Frieze, pictures: Path, tmp_path: Path) -> None:
    """S009."""
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "one.tar", "w") as tar:
        tar.add(pictures, ".")
    assert "3 added" in frieze("scan", tmp_path / "shards" / "one.tar").out
    assert (tmp_path / "shards" / "frieze.db").exists()
    assert "3 unchanged" in frieze("scan", tmp_path / "shards").out


@pytest.mark.parametrize("colour", ["", "1"])
def test_no_progress_where_stderr_is_no_terminal(
    frieze: Frieze, pictures: Path, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    """FORCE_COLOR asks for colour; it makes no terminal of a pipe."""
    monkeypatch.setenv("FORCE_COLOR", colour)
    for line in (
        "scan",
        "verify",
        "verify --rebuild",
        "dupes",
        "tag write ''",
        f"export sqlite {pictures}/{colour}.db",
    ):
        words = [word.strip("'") for word in line.split()]
        at = [pictures] if line == "scan" else ["--collection", pictures]
        done = frieze(*words, *at)
        assert done.code == 0
        assert not re.search(r"\d/\d|\d of \d|images/s|\x1b", done.err), line


def test_what_cannot_be_decoded_is_named_and_set_aside(frieze: Frieze, pictures: Path) -> None:
    """B16: the header of an image is sound and its pixels are not; the others are looked at."""
    Image.radial_gradient("L").save(pictures / "broken.png")
    data = bytearray((pictures / "broken.png").read_bytes())
    at = data.index(b"IDAT") + 40
    data[at : at + 40] = bytes(40)
    (pictures / "broken.png").write_bytes(data)
    frieze("scan", pictures, "--collection", pictures)
    said = frieze("dupes", "--near", 6, "--collection", pictures)
    assert said.code == 0
    assert f"quarantined: {pictures}/broken.png: " in said.err
    assert "broken.png" in frieze("quarantine", "--collection", pictures).out
    assert "quarantined" not in frieze("dupes", "--near", 6, "--collection", pictures).err


def test_reading_again_tells_what_else_it_met(frieze: Frieze, pictures: Path) -> None:
    """Counts, as a scan; what is left keeps the day since when it could not be used."""
    for name in ("bad", "mended"):
        (pictures / f"{name}.png").write_bytes(b"no image")
    frieze("scan", pictures)
    before = {
        each["path"]: each["at"] for each in frieze("quarantine", "--json", "--collection", pictures).json
    }
    Image.new("RGB", (16, 16), "red").save(pictures / "mended.png")
    Image.new("RGB", (16, 16), "blue").save(pictures / "new.png")
    again = frieze("quarantine", "--retry", "--json", "--collection", pictures)
    assert "2 added, 3 unchanged" in again.err.splitlines()
    assert "1 file can be used now, 1 cannot" in again.err
    (left,) = again.json
    assert left["at"] == before[str(pictures / "bad.png")]


def test_a_collection_made_meanwhile_is_opened(
    frieze: Frieze, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two first scans into one folder: the later one goes on with what the other made."""
    make = Collection.create

    def made_by_another(folder: Path) -> Collection:
        make(folder).close()
        return make(folder)

    monkeypatch.setattr(Collection, "create", made_by_another)
    assert "3 added" in frieze("scan", pictures).out
