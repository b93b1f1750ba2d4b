"""Cases of sidecars: what is read of other tools' files, what is told of the rest, and that writing loses nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

Enter = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        # Nerogar/OneTrainer#618: of several captions the first, as kohya
        ("01-lines-lost-on-write", {"x.png": ["a woman in a red coat", "outdoors"]}),
        # Bionus/imgbrd-grabber#573, jhc13/taggui#305
        ("03-one-tag-a-line", {"y.png": ["1girl", "solo", "long hair", "blue eyes"]}),
        # ryouchinsa/Rectlabel-support#84
        ("04-two-pictures-one-sidecar", {"a.jpg": ["cat", "sofa"], "a.png": ["cat", "sofa"]}),
        # kohya-ss/sd-scripts#287, replicate/cog-sdxl#7
        ("31-upper-txt", {"IMG_1.JPG": ["upper side"]}),
        # llmsresearch/paperbanana#240
        ("33-nfd-names", {unicodedata.normalize("NFD", "ポケモン café.png"): ["tag one"]}),
        # ostris/ai-toolkit#792
        ("35-smart-quote", {"a.png": ["a woman’s hat", "“quoted”"]}),
        # starik222/BooruDatasetTagManager#104
        ("38-empty-txt-hides-json", {"a.png": ["cat", "sofa"]}),
        # hydrusnetwork/hydrus#1335, kawalain/stable-diffusion-webui-wd14-tagger#12
        ("40-jpg-txt", {"a.jpg": ["1girl", "solo", "long_hair"]}),
        # Bionus/imgbrd-grabber#573, mikf/gallery-dl#8623
        ("41-namespaces", {"a.png": ["samus aran", "metroid", "blue eyes"]}),
    ],
)
def test_read(case: Enter, frieze, name: str, words: dict[str, list[str]]) -> None:
    case(name)
    assert frieze("scan", "p", "--collection", ".").code == 0
    rows = frieze("ls", "--json", "--columns", "name,tags").json
    assert {row["name"]: row["tags"] for row in rows} == words


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("01-lines-lost-on-write", "2 further lines were left out; they stay in the file"),
        ("04-two-pictures-one-sidecar", "a.txt to a.jpg and a.png"),
        ("35-smart-quote", "not UTF-8, read as Windows-1252"),
        ("41-namespaces", "tags that name their class (character, copyright)"),
        ("53-odd-pictures", "passed over, of formats that are not read: 1 .heic, 1 .tiff"),
    ],
)
def test_told(case: Enter, frieze, name: str, told: str) -> None:
    case(name)
    assert told in frieze("scan", "p", "--collection", ".").out


@pytest.mark.parametrize(
    ("name", "files"),
    [
        (
            "01-lines-lost-on-write",
            {"x.txt": "a woman in a red coat, outdoors, trig\na lady on a street, photo\nstreet portrait\n"},
        ),
        ("03-one-tag-a-line", {"y.txt": "1girl\nsolo\nlong hair\nblue eyes\ntrig\n"}),
        ("21-number-with-comma", {"a.txt": "trig, A crowd of 10,000 people, seen from above.\n"}),
        ("31-upper-txt", {"IMG_1.TXT": "upper side, trig\n"}),
        ("33-nfd-names", {unicodedata.normalize("NFC", "ポケモン café.txt"): "tag one, trig\n"}),
        ("38-empty-txt-hides-json", {"a.txt": "cat, sofa, trig\n", "a.json": None}),
        ("40-jpg-txt", {"a.jpg.txt": "1girl\nsolo\nlong_hair\ntrig\n"}),
        ("41-namespaces", {"a.txt": "character:samus aran, series:metroid, blue eyes, trig\n"}),
    ],
)
def test_written_back(case: Enter, frieze, name: str, files: dict[str, str | None]) -> None:
    """The file that was read is the one written, and no other appears."""
    folder = case(name) / "p"
    frieze("scan", "p", "--collection", ".")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert frieze("tag", "add", "", "trig", "--yes").code == 0
    assert frieze("tag", "write", "", "--yes").code == 0
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    for file, text in files.items():
        assert after[file] == (before[file] if text is None else text.encode())
    assert {each: data for each, data in after.items() if each not in files} == {
        each: data for each, data in before.items() if each not in files
    }
    again = frieze("scan", "--json").json
    assert (again["unchanged"], again["conflicts"]) == (1, [])
    assert "0 written, 1 unchanged" in frieze("tag", "write", "", "--yes").out


def test_pictures_of_one_name_get_files_of_their_own(case: Enter, frieze) -> None:
    """ryouchinsa/Rectlabel-support#84"""
    folder = case("04-two-pictures-one-sidecar") / "p"
    frieze("scan", "p", "--collection", ".")
    frieze("tag", "add", "name:a.png", "drawing", "--yes")
    written = frieze("tag", "write", "", "--yes")
    assert "1 written, 1 unchanged, 0 conflicts" in written.out
    assert (folder / "a.txt").read_text() == "cat, sofa\n"
    assert (folder / "a.png.txt").read_text() == "cat, sofa, drawing\n"
    assert "warning" not in frieze("scan").out  # a.txt is that of a.jpg alone now
    (folder / "a.png.txt").write_text("other")
    frieze("scan")
    rows = frieze("ls", "--json", "--columns", "name,tags").json
    assert {row["name"]: row["tags"] for row in rows} == {"a.jpg": ["cat", "sofa"], "a.png": ["other"]}


def test_a_sentence_is_trained_as_it_stands(case: Enter, frieze) -> None:
    """Nenotriple/img-txt_viewer#71, jhc13/taggui#327"""
    case("21-number-with-comma")
    frieze("scan", "p", "--collection", ".")
    frieze("subset", "add", "all", "", "--shuffle")
    frieze("freeze", "f", "--resolution", 64, "--min", 64, "--step", 64)
    assert "A crowd of 10,000 people, seen from above." in frieze("manifest", "captions", "f", 0).out


def test_text_whose_letters_were_guessed_is_not_overwritten(case: Enter, frieze) -> None:
    """ostris/ai-toolkit#792"""
    file = case("35-smart-quote") / "p/a.txt"
    before = file.read_bytes()
    frieze("scan", "p", "--collection", ".")
    frieze("tag", "add", "", "trig", "--yes")
    for words in (("tag", "write", ""), ("tag", "write", "", "--force")):
        done = frieze(*words)
        assert (done.code, file.read_bytes()) == (1, before)
        assert "its letters were guessed" in done.out


def test_a_large_colour_profile_is_no_reason_to_leave_a_picture_out(case: Enter, frieze) -> None:
    """python-pillow/Pillow#2445, Nandaka/PixivUtil2#269"""
    case("29-big-icc")
    frieze("scan", "p", "--collection", ".")
    assert frieze("ls", "--count").out.strip() == "1"
    assert frieze("quarantine", "--json").json == []


def test_classes_that_tags_name(case: Enter, frieze) -> None:
    """Bionus/imgbrd-grabber#573"""
    case("41-namespaces")
    frieze("scan", "p", "--collection", ".")
    assert frieze("ls", "character:samus_aran copyright:metroid", "--count").out.strip() == "1"


def test_odd_pictures(case: Enter, frieze) -> None:
    """python-pillow/Pillow: CMYK, animations, turned by EXIF, cut short, of another format than the name says."""
    case("53-odd-pictures")
    done = frieze("scan", "p", "--collection", ".", "--json").json
    assert done["passed_over"] == {".heic": 1, ".tiff": 1}
    assert sorted(Path(each["path"]).name for each in done["quarantined"]) == ["cut.jpg", "tiff.jpg"]
    sizes = {row["name"]: row["size"] for row in frieze("ls", "--json", "--columns", "name,size").json}
    assert {name: size for name, size in sizes.items() if name.startswith("exif6")} == {
        "exif6.avif": "50x100",
        "exif6.jpg": "50x100",
        "exif6.webp": "50x100",
    }
    assert sorted(set(sizes) - set(filter(lambda name: name.startswith("exif6"), sizes))) == [
        "anim.avif",
        "anim.webp",
        "cmyk.jpg",
    ]


def test_an_import_tells_of_formats_passed_over(case: Enter, frieze) -> None:
    folder = case("53-odd-pictures")
    (folder / "p").rename(folder / "2_thing")
    assert "not read: 1 .heic, 1 .tiff" in frieze("import", "--yes", ".", "--layout", "kohya-folders").out
