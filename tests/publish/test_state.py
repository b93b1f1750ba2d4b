"""A state on the hub: uploaded with a run, fetched, checked against its hashes, and made a run again (S080)."""

from __future__ import annotations

import shutil

import pytest

from curator.contract.run.run_folder import RunFolder
from tests.cli.conftest import Frieze
from tests.publish.trained import BODY, repository_with_state
from tests.writable_hub import WritableHub

REPO = "someone/foxes"


@pytest.fixture
def uploaded(run: RunFolder, hub: WritableHub, here: None, frieze: Frieze) -> RunFolder:
    assert frieze("publish", "foxes", "--repo", REPO, "--with-state", "--wait").code == 0
    shutil.rmtree(run.path)
    return run


def test_a_state_comes_back_as_it_was(uploaded: RunFolder, frieze: Frieze) -> None:
    done = frieze("runs", "fetch", REPO, "--json")
    assert done.code == 0, done.err
    run = RunFolder(uploaded.path.parent / done.json["run"])
    place = run.state_dir / "step-00000002"
    assert sorted(file.name for file in place.iterdir()) == [
        "adapter.safetensors",
        "optimizer.pt",
        "state.json",
    ]
    assert (place / "adapter.safetensors").read_bytes() == BODY
    info = run.info()
    assert (info.name, info.manifest.endswith("set.manifest")) == ("foxes", True)
    assert run.recipe_path.read_text().count("/home/somebody/models/base.safetensors") == 1
    assert run.events_path.read_text().count("step_done") == 2
    assert done.json["doubts"] == ["model.path is /home/somebody/models/base.safetensors, which is not here"]
    assert sorted(each.name for each in run.path.parent.iterdir()) == [run.path.name]


def test_another_place_of_the_model_and_no_manifest(
    uploaded: RunFolder, frieze: Frieze, collection, hub: WritableHub
) -> None:
    (collection / "base").mkdir()
    done = frieze("runs", "fetch", REPO, "--model", collection / "base", "--json")
    assert done.json["doubts"] == []
    assert str(collection / "base") in (uploaded.path.parent / done.json["run"] / "recipe.toml").read_text()
    hub.repositories["someone/state"] = repository_with_state()
    told = frieze("runs", "fetch", "someone/state")
    assert (told.code, f"no manifest here has the digest {'d' * 64}" in told.err) == (0, True), told.err


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("state/step-00000002/optimizer.pt", b"another", "came as another file than its listing says"),
        ("state/frieze-state.json", b"{}", "the state of someone/foxes is damaged"),
        ("state/frieze-state.json", None, "the hub has no state in someone/foxes"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    uploaded: RunFolder, frieze: Frieze, hub: WritableHub, file: str, content: bytes | None, words: str
) -> None:
    files = hub.repositories[REPO].branches["main"]
    files.pop(file)
    files |= {} if content is None else {file: content}
    done = frieze("runs", "fetch", REPO)
    assert (done.code, words in done.err) == (2, True), done.err
    assert not [each for each in uploaded.path.parent.iterdir() if (each / "run.json").exists()]


def test_names_that_lead_out_are_refused(uploaded: RunFolder, frieze: Frieze, hub: WritableHub) -> None:
    files = hub.repositories[REPO].branches["main"]
    files["state/frieze-state.json"] = files["state/frieze-state.json"].replace(
        b"optimizer.pt", b"../../evil.pt"
    )
    done = frieze("runs", "fetch", REPO)
    assert (done.code, "names files that no state has" in done.err) == (2, True), done.err


def test_a_fetch_goes_on_where_it_broke_off(uploaded: RunFolder, frieze: Frieze, hub: WritableHub) -> None:
    hub.answers = {"state/step-00000002/state.json": [404] * 9}
    assert frieze("runs", "fetch", REPO).code == 2
    hub.answers = {}
    hub.asked.clear()
    assert frieze("runs", "fetch", REPO).code == 0
    assert not [path for path in hub.paths("GET") if path.endswith("adapter.safetensors")]
