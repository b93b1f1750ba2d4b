"""Images of a class made from the base (S046): seeded, of the sizes asked for, recorded; a stop loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.run.class_pictures import RECORD, ClassPictures, missing, read_job, write_job
from train.programs.class_pictures import main, make_missing

SIZES = ((64, 64), (64, 96))


def _job(model: Path, **changes) -> ClassPictures:
    job = {"prompt": "1girl", "caption": "1girl", "sizes": SIZES, "seed": 7, "steps": 2, "cfg": 3.0}
    return ClassPictures(str(model), **{**job, **changes})


def _silent(_done, _total):
    pass


def test_pictures_have_size_caption_and_record_and_follow_from_the_seed(tiny_model, tmp_path):
    """S046: the prompt and the seed of each image are recorded; the same job makes the same pixels."""
    told = []
    write_job(tmp_path / "a", _job(tiny_model))
    assert make_missing(tmp_path / "a", lambda done, total: told.append((done, total))) == 2
    assert told == [(0, 2), (1, 2), (2, 2)]
    first, second = (tmp_path / "a" / f"class-0000{number}.png" for number in (0, 1))
    with Image.open(first) as one, Image.open(second) as other:
        assert (one.size, other.size) == SIZES
        assert "Seed: 7" in one.text["parameters"]
        assert "Seed: 8" in other.text["parameters"]
        pixels = one.tobytes()
        assert pixels != other.crop((0, 0, 64, 64)).tobytes()
    assert first.with_suffix(".txt").read_text() == "1girl"
    made = [json.loads(line) for line in (tmp_path / "a" / RECORD).read_text().splitlines()]
    assert [(each["file"], each["prompt"], each["seed"]) for each in made] == [
        (first.name, "1girl", 7),
        (second.name, "1girl", 8),
    ]
    write_job(tmp_path / "b", _job(tiny_model))
    make_missing(tmp_path / "b", _silent)
    with Image.open(tmp_path / "b" / first.name) as again:
        assert again.tobytes() == pixels


def test_what_is_there_is_not_made_again(tiny_model, tmp_path):
    job = _job(tiny_model)
    write_job(tmp_path, job)
    make_missing(tmp_path, _silent)
    (tmp_path / job.name(1)).unlink()
    kept = (tmp_path / job.name(0)).stat().st_mtime_ns
    write_job(tmp_path, job)
    assert missing(tmp_path, job) == [1]
    assert make_missing(tmp_path, _silent) == 1
    assert (tmp_path / job.name(0)).stat().st_mtime_ns == kept
    assert make_missing(tmp_path, _silent) == 0


def test_another_job_does_not_mix_with_it(tiny_model, tmp_path):
    job = _job(tiny_model)
    write_job(tmp_path, _job(tmp_path / "a slip of the pen"))
    write_job(tmp_path, job)  # nothing was made of the one before
    assert read_job(tmp_path) == job
    (tmp_path / job.name(0)).touch()
    with pytest.raises(UserError, match="asked for otherwise"):
        write_job(tmp_path, _job(tiny_model, prompt="1boy"))


@pytest.mark.parametrize("content", [None, "", "{", '{"model": 3}', "[]"])
def test_a_missing_or_damaged_job_is_a_sentence(content, tmp_path, capsys):
    if content is not None:
        (tmp_path / "job.json").write_text(content)
    assert main([str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_the_program_tells_how_far_it_is_and_names_a_missing_model(tiny_model, tmp_path):
    def run(folder):
        command = [sys.executable, "-m", "train.programs.class_pictures", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    write_job(tmp_path / "a", _job(tiny_model))
    done = run(tmp_path / "a")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["done"] for line in done.stdout.splitlines()] == [0, 1, 2]
    write_job(tmp_path / "b", _job(tmp_path / "nothing"))
    done = run(tmp_path / "b")
    assert done.returncode == 2
    assert "there is no model at" in done.stderr
