"""`frieze models fetch`: from a hub on loopback that hands files out, drops connections, or has other ones (S028)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_hub import COMMIT, FakeHub, fake_hub

LIMIT_S = 300
WEIGHTS = bytes(range(256)) * 100_000  # 26 MB: what has come is written every ten
LABELS = b"tag_id,name,category,count\n0,cat,0,1\n"
TOKEN = "hf_aSecretOfTheTest"
ROW = """[small]
family = "onnx-tagger"
repo = "someone/small-tagger"
labels = "selected_tags.csv"
licence = "apache-2.0"
"""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as running:
        running.files = {
            "someone/small-tagger/model.onnx": WEIGHTS,
            "someone/small-tagger/selected_tags.csv": LABELS,
        }
        yield running


class Fetching:
    """`frieze models` in a process of its own, whose hub is the fake one."""

    def __init__(self, home: Path, hub: FakeHub) -> None:
        self.models = home / "models"
        self.folder = self.models / "small"
        self.most_kib = "unlimited"  # of a file that it may write
        self._rows = home / "config" / "frieze" / "models.toml"
        self._rows.parent.mkdir(parents=True)
        self.rows(ROW)
        self.environment = os.environ | {
            "XDG_CONFIG_HOME": str(home / "config"),
            "FRIEZE_MODELS": str(self.models),
            "HF_ENDPOINT": hub.address,
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(home / "hub"),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        self.environment.pop("HF_TOKEN", None)

    def rows(self, text: str) -> None:
        self._rows.write_text(text)

    def start(self, *words: object) -> subprocess.Popen[str]:
        limit = ["bash", "-c", 'ulimit -f "$0"; exec "$@"', self.most_kib]
        return subprocess.Popen(
            [*limit, sys.executable, "-m", "curator", "models", *map(str, words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=LIMIT_S)
        assert "Traceback" not in err
        assert TOKEN not in out + err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def fetched(self) -> dict[str, Any]:
        done = self("fetch", "small", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self) -> str:
        done = self("fetch", "small", "--yes")
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr

    def parts(self) -> list[Path]:
        return [*self.folder.glob(".frieze-parts/*")]


@pytest.fixture
def models(tmp_path: Path, hub: FakeHub) -> Fetching:
    return Fetching(tmp_path, hub)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_files_come_whole_and_then_need_no_network(models: Fetching, hub: FakeHub) -> None:
    before = json.loads(models("show", "small", "--json").stdout)
    assert (before["is_there"], before["missing"]) == (False, ["model.onnx", "selected_tags.csv"])
    assert "frieze models fetch small" in models("show", "small").stderr
    told = models.fetched()
    assert [(each["name"], each["sha256"], each["is_new"]) for each in told["files"]] == [
        ("model.onnx", sha256(WEIGHTS), True),
        ("selected_tags.csv", sha256(LABELS), True),
    ]
    assert (models.folder / "model.onnx").read_bytes() == WEIGHTS
    there = sorted(each.name for each in models.folder.iterdir())
    assert there == ["fetched.json", "model.onnx", "selected_tags.csv"]
    assert json.loads(models("show", "small", "--json").stdout)["is_there"]
    hub.requests.clear()
    models.environment["HF_HUB_OFFLINE"] = "1"
    assert [each["is_new"] for each in models.fetched()["files"]] == [False, False]
    assert not hub.requests


PINNED = f'{ROW}sha256 = {{ "model.onnx" = "{sha256(WEIGHTS)}", "selected_tags.csv" = "{sha256(LABELS)}" }}\n'


def test_what_came_first_of_a_model_without_pins_holds_from_then_on(models: Fetching, hub: FakeHub) -> None:
    """It is said; a file that is lost comes from the commit that was noted, one that changed is refused."""
    assert "pinned      no: its files are what the hub has" in models("show", "small").stdout
    done = models("fetch", "small", "--yes")
    assert "small is not pinned: its files are what the hub has when they are first fetched" in done.stderr
    noted = json.loads((models.folder / "fetched.json").read_text())
    assert noted == {
        "commits": {"someone/small-tagger": COMMIT},
        "sha256": {"model.onnx": sha256(WEIGHTS), "selected_tags.csv": sha256(LABELS)},
    }
    asked = [each.path for each in hub.downloads()]
    assert [COMMIT in each for each in asked] == [False, True]  # both are of one commit
    (models.folder / "selected_tags.csv").unlink()
    hub.requests.clear()
    models.fetched()
    assert [COMMIT in each.path for each in hub.downloads()] == [True]
    (models.folder / "model.onnx").write_bytes(b"another")
    said = models.refused()
    assert "is not the file that belongs to small" in said
    assert sha256(WEIGHTS) in said
    (models.folder / "model.onnx").unlink()
    hub.files["someone/small-tagger/model.onnx"] = b"another"
    assert "came as another file" in models.refused()
    (models.folder / "fetched.json").write_text("{")
    assert "fetched.json is damaged" in models.refused()


def test_files_that_were_put_there_are_noted_when_they_are_first_checked(
    models: Fetching, hub: FakeHub
) -> None:
    models.folder.mkdir(parents=True)
    (models.folder / "model.onnx").write_bytes(b"by hand")
    (models.folder / "selected_tags.csv").write_bytes(LABELS)
    assert [each["is_new"] for each in models.fetched()["files"]] == [False, False]
    assert not hub.requests
    (models.folder / "model.onnx").write_bytes(b"another")
    assert sha256(b"by hand") in models.refused()


@pytest.mark.parametrize("row", [PINNED, f'{ROW}revision = "{COMMIT}"\n'])
def test_of_a_model_that_its_row_pins_nothing_is_noted(models: Fetching, row: str) -> None:
    models.rows(row)
    assert "pinned      yes" in models("show", "small").stdout
    assert json.loads(models("show", "small", "--json").stdout)["is_pinned"]
    done = models("fetch", "small", "--yes")
    assert "not pinned" not in done.stderr
    assert not (models.folder / "fetched.json").exists()


def test_the_licence_is_told_and_must_be_taken(models: Fetching, hub: FakeHub) -> None:
    done = models("fetch", "small")
    assert (done.returncode, "licence of small: apache-2.0" in done.stderr) == (2, True)
    assert "add --yes" in done.stderr
    assert not hub.requests
    done = models("fetch", "small", "--yes")
    assert "apache-2.0" in done.stderr
    assert done.stdout == "small: 2 files fetched, 25.6 MB\n"
    assert models("fetch", "small").stdout == "small: nothing is missing; 2 files checked\n"


def test_a_connection_that_drops_is_taken_up_again(models: Fetching, hub: FakeHub) -> None:
    hub.break_after = 15_000_000
    models.fetched()
    starts = [each.first_byte for each in hub.downloads() if each.path.endswith("model.onnx")]
    assert starts[0] == 0
    assert 0 < starts[1] <= 15_000_000
    assert (models.folder / "model.onnx").read_bytes() == WEIGHTS


def test_a_fetch_that_was_killed_goes_on_where_it_was(models: Fetching, hub: FakeHub) -> None:
    hub.break_after, hub.stall = 15_000_000, threading.Event()
    process = models.start("fetch", "small", "--yes")
    _wait_for(lambda: any(each.stat().st_size for each in models.parts()))
    process.kill()
    process.communicate(timeout=LIMIT_S)
    hub.stall.set()
    (part,) = models.parts()
    kept = part.stat().st_size
    assert not (models.folder / "model.onnx").exists()
    hub.requests.clear()
    models.fetched()
    assert [each.first_byte for each in hub.downloads()] == [kept, 0]
    assert (models.folder / "model.onnx").read_bytes() == WEIGHTS
    assert not models.parts()


def test_a_hub_that_sends_everything_again_doubles_nothing(models: Fetching, hub: FakeHub) -> None:
    hub.break_after, hub.ranges = 15_000_000, False
    models.fetched()
    assert (models.folder / "model.onnx").read_bytes() == WEIGHTS


def test_a_file_with_another_hash_is_refused_and_not_kept(models: Fetching, hub: FakeHub) -> None:
    pinned = sha256(b"as it was")
    models.rows(ROW + f'sha256 = {{ "model.onnx" = "{pinned}" }}\n')
    said = models.refused()
    assert "came as another file" in said
    assert pinned in said
    assert sha256(WEIGHTS) in said
    assert not models.parts()
    assert not (models.folder / "model.onnx").exists()
    models.rows(ROW + f'sha256 = {{ "model.onnx" = "{sha256(WEIGHTS)}" }}\n')
    models.fetched()


@pytest.mark.parametrize("told", ["0" * 64, "0" * 40])
def test_without_a_pin_the_hash_of_the_hub_counts(models: Fetching, hub: FakeHub, told: str) -> None:
    hub.hashes["someone/small-tagger/model.onnx"] = told
    assert "came as another file" in models.refused()
    git = hashlib.sha1(b"blob %d\0" % len(WEIGHTS) + WEIGHTS).hexdigest()
    hub.hashes["someone/small-tagger/model.onnx"] = git
    models.fetched()


def test_a_file_of_your_own_under_that_name_stays_and_is_told(models: Fetching, hub: FakeHub) -> None:
    models.rows(ROW + f'sha256 = {{ "model.onnx" = "{sha256(WEIGHTS)}" }}\n')
    models.folder.mkdir(parents=True)
    (models.folder / "model.onnx").write_bytes(b"mine")
    assert "is not the file that belongs to small" in models.refused()
    assert (models.folder / "model.onnx").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"files": {}}, "the hub has no model.onnx of someone/small-tagger at 'main'"),
        ({"files": {"someone/small-tagger/selected_tags.csv": LABELS}}, "the hub has no model.onnx"),
        ({"status": 500}, "model.onnx of someone/small-tagger did not come"),
        ({"status": 403}, "model.onnx of someone/small-tagger did not come"),
        ({"status": 403, "code": "GatedRepo"}, "is given only to those who accepted its terms"),
    ],
)
def test_what_the_hub_refuses_is_a_sentence(
    models: Fetching, hub: FakeHub, change: dict[str, Any], sentence: str
) -> None:
    for name, value in change.items():
        setattr(hub, name, value)
    assert sentence in models.refused()


def test_a_hub_that_is_not_there_or_not_allowed_is_a_sentence(models: Fetching) -> None:
    models.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    assert "did not come" in models.refused()
    models.environment["HF_HUB_OFFLINE"] = "1"
    assert "HF_HUB_OFFLINE forbids" in models.refused()


def test_a_full_disk_is_a_sentence_and_what_came_is_kept(models: Fetching, hub: FakeHub) -> None:
    models.most_kib = "12000"
    said = models.refused()
    assert "the model cannot be kept in" in said
    assert "free space" in said
    (part,) = models.parts()
    assert part.stat().st_size == 12_000 * 1024
    models.most_kib = "unlimited"
    models.fetched()
    assert hub.downloads()[1].first_byte == 12_000 * 1024
    assert (models.folder / "model.onnx").read_bytes() == WEIGHTS


def test_the_token_goes_to_the_hub_and_to_nobody_else(models: Fetching, hub: FakeHub) -> None:
    hub.elsewhere = hub.address.replace("127.0.0.1", "localhost")
    models.environment["HF_TOKEN"] = TOKEN
    models.rows(ROW + f'revision = "{COMMIT}"\n')
    models.fetched()
    asked = [each for each in hub.requests if "/resolve/" in each.path]
    assert all(f"/resolve/{COMMIT}/" in each.path for each in asked)
    assert {each.authorization for each in asked} == {f"Bearer {TOKEN}"}
    assert {each.authorization for each in hub.downloads()} == {None}
    kept = [each for each in models.models.parent.rglob("*") if each.is_file()]
    assert not [each for each in kept if TOKEN.encode() in each.read_bytes()]


def test_the_encoder_of_a_head_comes_with_it(models: Fetching, hub: FakeHub) -> None:
    models.rows(
        '[small]\nfamily = "clip-head"\nrepo = "someone/small-tagger"\nencoder = "someone/clip"\nencoder_revision = "'
        + COMMIT
        + '"\n'
    )
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        hub.files[f"someone/clip/{name}"] = name.encode()
    assert len(models.fetched()["files"]) == 4
    assert (models.folder / "encoder" / "model.safetensors").read_bytes() == b"model.safetensors"
    assert [f"/resolve/{COMMIT}/" in each.path for each in hub.downloads() if "/clip/" in each.path] == [
        True
    ] * 3


def test_what_has_no_source_says_so(models: Fetching, tmp_path: Path) -> None:
    models.rows(
        '[mine]\nfamily = "onnx-tagger"\n[served]\nfamily = "endpoint"\nurl = "http://127.0.0.1:1/v1"\n'
    )
    assert "nobody says where mine could be fetched from" in models("fetch", "mine", "--yes").stderr
    assert "it is served at http://127.0.0.1:1/v1" in models("fetch", "served", "--yes").stderr
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.onnx").write_bytes(b"mine")
    done = models("fetch", tmp_path / "own", "--json")
    assert [each["is_new"] for each in json.loads(done.stdout)["files"]] == [False]


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
