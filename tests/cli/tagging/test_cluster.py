"""Jobs of several machines from the command line: what is refused before it starts, parts that come back."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from PIL import Image

from curator.contract.tagging.cluster import path_there
from curator.contract.tagging.job import (
    ImageEntry,
    TaggingJob,
    part_files,
    read_images,
    write_job,
    write_loaded,
)
from curator.contract.tagging.zoo import ModelRow
from curator.runs import tagging
from tag_models.cluster.stages import first_look
from tests.cli.conftest import Frieze
from tests.tag_models.cluster.test_stages import task_of, through
from tests.tag_models.colour_tagger import write_tagger

pytest.importorskip("pyarrow")


@pytest.fixture
def shades(tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images from blue to red."""
    folder = tmp_path / "shades"
    folder.mkdir()
    write_tagger(tmp_path / "tagger")
    for number in range(6):
        Image.new("RGB", (24, 24), (number * 51, 0, 255 - number * 51)).save(folder / f"{number}.png")
    monkeypatch.chdir(folder)
    assert frieze("scan", ".").code == 0
    return folder


def test_parts_of_a_cluster_are_merged_once_whatever_comes_twice(shades: Path, frieze: Frieze) -> None:
    """A part that Ray wrote again under another name, and one of another model, change nothing."""
    files = enumerate(sorted(shades.glob("*.png")))
    entries = [ImageEntry(n, hashlib.sha256(file.read_bytes()).hexdigest(), str(file)) for n, file in files]
    job = shades / "proposals" / "2026-01-01-tagger"
    model = shades.parent / "tagger"
    about = TaggingJob(
        "tagger", str(model), ModelRow("onnx-tagger"), len(entries), "cpu", cluster="10.0.0.1:6379"
    )
    write_job(job, about, entries)
    task = task_of(job)
    loaded = first_look(task).loaded
    assert loaded is not None
    write_loaded(job, loaded)
    images = list(read_images(job))
    through(task, images[:4])
    through(task, images[2:])
    said = frieze("proposals", "--model", "tagger", "--general", 0.3, "--json").out
    assert len(said.splitlines()) == 6
    (first, *_) = part_files(job)
    shutil.copy(first, first.with_name("again.parquet"))
    write_loaded(job, loaded)
    assert frieze("proposals", "--model", "tagger", "--general", 0.3, "--json").out == said
    shutil.rmtree(job)
    shutil.rmtree(next(file.parent for file in (shades / "proposals").glob("*/model.json")))
    assert frieze("propose", model, "--wait").code == 0
    assert frieze("proposals", "--model", "tagger", "--general", 0.3, "--json").out == said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cluster", "ray://host:10001"), "is no address of a Ray cluster"),
        (("--cluster", "somewhere"), "is no address of a Ray cluster"),
        (("--cluster", "127.0.0.1:9"), "no Ray cluster answers at 127.0.0.1:9"),
        (("--cluster", "127.0.0.1:9", "--processes", 2), "leave --processes and --hosts, or --cluster out"),
        (("--cluster-path", "here"), "'here' does not say where a folder is"),
    ],
)
def test_what_cannot_work_is_refused_before_a_job_is_made(
    shades: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.setattr(tagging, "find_spec", lambda name: name)
    done = frieze("propose", shades.parent / "tagger", *options)
    assert (done.code, words in done.err) == (2, True), done.err
    assert "Traceback" not in done.err
    assert not list(shades.glob("proposals/*/job.json"))


def test_without_ray_it_says_how_to_get_it(
    shades: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "find_spec", lambda name: None if name == "ray" else name)
    done = frieze("propose", shades.parent / "tagger", "--cluster", "127.0.0.1:9")
    assert (done.code, "pip install 'frieze[tag,cluster]'" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/mnt/nas/a.png", "/data/a.png"),
        ("/mnt/nas/deep/a.png", "/fast/a.png"),
        ("/mnt/nasty/a.png", "/mnt/nasty/a.png"),
        ("/mnt/nas", "/data"),
    ],
)
def test_the_longest_folder_says_where_the_cluster_finds_a_file(path: str, there: str) -> None:
    assert path_there(path, {"/mnt/nas": "/data", "/mnt/nas/deep": "/fast"}) == there


def test_several_hosts_get_a_line_each_and_the_job_waits(shades: Path, frieze: Frieze) -> None:
    told = frieze("propose", shades.parent / "tagger", "--hosts", 2, "--processes", 4, "--json").json
    first, second = told["commands"]
    assert first.startswith("torchrun --nnodes 2 --node-rank 0 --nproc-per-node 4 --master-addr ")
    assert second == first.replace("--node-rank 0", "--node-rank 1")
    assert first.endswith(f"-m tag_models {shades}/proposals/{told['job']}")
    (job,) = frieze("jobs", "list", "--json").json
    assert (job["status"], job["images"], job["done"]) == ("new", 6, 0)
    assert frieze("jobs", "resume", "tagger").code == 0  # on this one alone
    assert frieze("jobs", "follow", "tagger", "--json").json["done"] == 6


def test_nobody_waits_for_hosts_that_are_not_started(shades: Path, frieze: Frieze) -> None:
    done = frieze("propose", shades.parent / "tagger", "--hosts", 2, "--wait")
    assert (done.code, "leave --wait out" in done.err) == (2, True)
