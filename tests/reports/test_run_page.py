"""The page of a run: one file, all that is known of it, nothing foreign obeyed, bounded (row B20)."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from curator.contract.errors import UserError
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.reports.run_curves import curves_of
from curator.session.reports import report_on_manifest, report_on_run
from tests.reports.conftest import STEPS, Home

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "nav", "a", "section", "dl", "dt", "dd",
    "table", "thead", "tbody", "tr", "th", "td", "div", "span", "img", "figure", "figcaption", "svg", "rect", "path",
    "polyline", "circle", "line", "text", "details", "summary", "pre", "code", "ul", "li", "b", "br", "footer",
}  # fmt: skip


class Reader(HTMLParser):
    """The elements of a page as a browser finds them, and what is to be read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words, self.text = "", text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == tag]


def written(home: Home, most: int = 60) -> Reader:
    path = home.folder / "run.html"
    report_on_run(home.run, path, most, replace=True)
    return Reader(path.read_text("utf-8"))


def test_everything_of_a_run_is_there(home: Home) -> None:
    page = written(home)
    assert re.findall(r'<a href="#s\d+">(.*?)</a>', page.text) == [
        *(
            "What it is",
            "Curves",
            "Samples",
            "Recipe",
            "Data",
            "Subsets",
            "Buckets",
            "Tags",
            "Examples",
            "Findings",
        ),
        *("Losses of single images", "Warnings", "Saved"),
    ]
    for words in (
        f"{STEPS} of {STEPS}", "4.7", "9.0 GiB at most", "0.2560 -> 0.1840", "least 0.2400 at step 180",  # figures
        "optimizer.unet_lr0.00020.0001", "foxes <i>1233675.0%fox", "animal24", "step 240", "an owl in the snow",
        "1 step has no number", "left out: pictures/broken <b>.png: not an image", "ab" * 32, "1.2000 21 fox.png",
        "fox, animal, tag 1", "48 samples an epoch",
    ):  # fmt: skip
        assert words in page.words.replace("\n", ""), words
    titles = [each["aria-label"] for each in page.of("svg") if "role" in each]
    assert titles == [
        *(
            "Loss while training",
            "Loss on fixed noise",
            "Loss of images held out, by subset",
            "Learning rate",
        ),
        *("Gradient norm", "Images a second", "Memory"),
    ]


def test_nothing_foreign_is_obeyed_and_nothing_is_fetched(home: Home) -> None:
    """Prompts, captions, tags, names of files, subsets and devices, warnings: all of them speak HTML here."""
    report_on_manifest(home.manifest, home.folder / "set.html", 60)
    text = (home.folder / "set.html").read_text("utf-8")
    for page in (written(home), Reader(text)):
        assert {tag for tag, _ in page.elements} <= ALLOWED
        assert all(each["src"].startswith("data:image/webp;base64,") for each in page.of("img"))  # type: ignore[union-attr]
        assert all(re.fullmatch(r"#s\d+", each["href"] or "") for each in page.of("a"))
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert "<script>alert(1)</script>" in page.words
        assert "\\x1b[31m\\u202egnp" in page.words
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)


def test_folders_of_this_machine_are_not_told(home: Home) -> None:
    page = written(home)
    assert "model.safetensors" in page.words
    assert "secret" not in page.words
    assert str(home.folder) not in page.words


def test_the_page_is_bounded_and_says_what_is_left_out(home: Home) -> None:
    """Of too many samples the first and last steps stay, and every prompt."""
    done = report_on_run(home.run, home.folder / "run.html", 10, replace=True)
    page = Reader((home.folder / "run.html").read_text("utf-8"))
    assert (done.pictures, len(page.of("img"))) == (10, 10)
    assert done.bytes < 200_000
    assert "2 of 4 steps are shown" in page.words
    assert "step 60" in page.words
    assert "step 240" in page.words
    assert "step 120" not in page.words
    assert not written(home, 0).of("img")


def test_a_plot_is_as_small_for_very_many_steps(home: Home) -> None:
    log = EventLog(home.run.events_path)
    log.write(ev.RunStarted(2000.0, STEPS, 30_000, 4, True, 1, "cuda:0", 1))
    for step in range(STEPS + 1, 30_001):
        log.write(ev.StepDone(2000.0, step, 4, 0.1 + step % 7 / 100, {"unet": 1e-4}, 1.0, 4, 1.0, 1 << 30))
    log.close()
    assert report_on_run(home.run, home.folder / "run.html", 0, replace=True).bytes < 250_000
    for svg in re.findall(r"<svg viewBox=\"0 0 420.*?</svg>", (home.folder / "run.html").read_text("utf-8")):
        ET.fromstring(svg)


def test_steps_trained_again_count_once(home: Home) -> None:
    """After a resume from step 120 the curves go on from there."""
    log = EventLog(home.run.events_path)
    log.write(ev.RunStarted(2000.0, 120, STEPS, 4, True, 1, "cuda:0", 1))
    log.write(ev.StepDone(2001.0, 121, 3, 0.5, {"unet": 1e-4}, 1.0, 4, 2.0, 1 << 30))
    log.close()
    curves = curves_of(home.run)
    assert (curves.loss.steps[-1], curves.loss.values[-1]) == (121, 0.5)
    assert len(curves.loss) == 120  # step 50 has no number
    assert curves.loss.gaps == 1
    assert [step for _, step in curves.epochs] == [1, 61, 121]
    assert curves.view.step == 121


def test_a_run_without_its_manifest_is_told_as_far_as_it_goes(home: Home) -> None:
    home.manifest.unlink()
    shutil.rmtree(home.run.samples_dir)
    page = written(home)
    assert "there is no manifest" in page.words
    assert "the file is gone" in page.words
    assert "Learning rate" in page.words


def test_a_run_that_has_not_begun_is_a_page(home: Home) -> None:
    home.run.events_path.unlink()
    page = written(home)
    assert "Recipe" in page.words
    assert "Curves" not in page.words


def test_what_is_there_stays_unless_it_is_to_be_replaced(home: Home) -> None:
    path = home.folder / "run.html"
    path.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        report_on_run(home.run, path, 0)
    assert path.read_text() == "mine"
    with pytest.raises(UserError, match="is a folder"):
        report_on_run(home.run, home.folder, 0, replace=True)
    report_on_run(home.run, path, 0, replace=True)
    assert path.read_text().startswith("<!doctype html>")
    assert not list(home.folder.glob(".frieze-*"))


def test_a_step_that_comes_again_takes_the_place_of_the_first(home: Home) -> None:
    """Also where the line that told of the resume is damaged."""
    log = EventLog(home.run.events_path)
    log.write(ev.StepDone(2001.0, 200, 4, 0.5, {"unet": 1e-4}, 1.0, 4, 2.0, 1 << 30))
    log.close()
    curves = curves_of(home.run)
    assert (curves.loss.steps[-1], curves.loss.values[-1], len(curves.loss)) == (200, 0.5, 199)
    assert curves.rates["unet"].values[-1] == 1e-4
    assert curves.epochs[-1] == (4, 181)
