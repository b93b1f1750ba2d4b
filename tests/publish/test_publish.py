"""`frieze publish`: to a hub on loopback that takes uploads, refuses them, or breaks off (S080, S090, S092, B17)."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from curator.contract.base_model.file_hashes import hashes_of
from curator.contract.base_model.safetensors_header import read_header
from curator.contract.run.run_folder import RunFolder
from curator.publish import weights_copy
from tests.cli.conftest import Done, Frieze
from tests.publish.trained import BODY, make_run
from tests.writable_hub import TOKEN, Repository, WritableHub

REPO = "someone/foxes"
COMMIT = "d" * 40


def publish(frieze: Frieze, *words: object, what: object = "foxes") -> Done:
    done = frieze("publish", what, "--repo", REPO, "--wait", *words)
    assert TOKEN not in done.out + done.err
    return done


def sent(hub: WritableHub) -> list[str]:
    """The large files that were sent, by hash."""
    return [path for path in hub.paths("PUT") if path.startswith("large/")]


def test_a_run_is_published_whole_and_private(
    run: RunFolder, hub: WritableHub, here: None, frieze: Frieze, tmp_path: Path
) -> None:
    """S080, S090, S092."""
    done = publish(frieze)
    assert done.code == 0, done.err
    assert done.out == f"published: {hub.address}/{REPO}/commit/{COMMIT}\n"
    repository = hub.repositories[REPO]
    assert (repository.private, repository.messages) == (True, ["foxes.safetensors, step 2"])
    files = repository.branches["main"]
    assert sorted(files) == ["README.md", "foxes.safetensors", "images/step-00000002-00.png", "recipe.toml"]
    (tmp_path / "back.safetensors").write_bytes(files["foxes.safetensors"])
    header = read_header(tmp_path / "back.safetensors")
    before = read_header(run.output_dir / "foxes.safetensors")
    assert files["foxes.safetensors"][header.data_start :] == BODY
    assert list(header.tensors.items()) == list(before.tensors.items())
    about = header.metadata
    assert before.metadata.items() <= about.items()
    assert about["modelspec.thumbnail"].startswith("data:image/jpeg;base64,")
    assert about["modelspec.hash_sha256"] == "0x" + hashes_of(tmp_path / "back.safetensors").tensors
    assert "/home/somebody" not in files["README.md"].decode() + files["recipe.toml"].decode()
    assert not any(path.is_file() and TOKEN.encode() in path.read_bytes() for path in run.path.rglob("*"))
    assert not (run.path / "publish" / "someone--foxes@main" / "files").exists()
    (upload,) = frieze("runs", "show", "foxes", "--json").json["uploads"]
    assert (upload["status"], upload["published"][0]["path"]) == ("finished", "foxes.safetensors")


def test_a_dry_run_sends_nothing_and_shows_all(run: RunFolder, hub: WritableHub, frieze: Frieze) -> None:
    plan = publish(
        frieze, "--dry-run", "--with-state", "--json", "--ratio", "0.8", "--trigger", "sls fox"
    ).json
    sizes = {each["name"]: each["bytes"] for each in plan["files"]}
    assert sizes["state/step-00000002/adapter.safetensors"] == len(BODY)
    assert {
        "README.md",
        "foxes.safetensors",
        "recipe.toml",
        "state/run.json",
        "state/frieze-state.json",
    } < set(sizes)
    assert "Recommended strength: 0.8" in plan["card"]
    assert 'instance_prompt: "sls fox"' in plan["card"]
    assert {each.method for each in hub.asked} == {"GET"}
    assert not (run.path / "publish").exists()
    shown = publish(frieze, "--dry-run")
    assert (shown.code, "# foxes" in shown.out, "README.md" in shown.out) == (0, True, True)


def test_a_dry_run_needs_no_hub(run: RunFolder, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    done = publish(frieze, "--dry-run")
    assert done.code == 0, done.err
    assert "the hub was not asked for its card (HF_HUB_OFFLINE" in done.err
    assert "# foxes" in done.out


def test_words_of_the_user_stay(run: RunFolder, hub: WritableHub, here: None, frieze: Frieze) -> None:
    """A section edited by hand, one taken out, text of one's own and keys of the front matter are the user's."""
    assert publish(frieze).code == 0
    files = hub.repositories[REPO].branches["main"]
    card = files["README.md"].decode()
    begin = card.index("<!-- frieze:figures")
    end = card.index("<!-- /frieze:figures -->") + len("<!-- /frieze:figures -->\n")
    card = card[:begin] + card[end:]
    card = card.replace("## Usage\n", "## Usage\n\nMy own advice.\n").replace(
        'license: "openrail++"', "license: mit"
    )
    card = card.replace("\n## Samples", "\n## Samples").replace("---\n\n", "---\n\nMy preface.\n\n", 1)
    card = card.replace("pipeline_tag:", "language: en\npipeline_tag:", 1)
    files["README.md"] = card.encode()
    done = publish(frieze, "--title", "New title")
    assert "'usage' of the card was edited by hand and stays" in done.err
    assert "'license' of the card was edited by hand and stays" in done.err
    assert "'figures' of the card was taken out by hand and stays out" in done.err
    now = files["README.md"].decode()
    for words in ("My own advice.", "My preface.", "license: mit", "language: en", "# New title"):
        assert words in now
    assert "## Figures" not in now
    assert publish(frieze, "--rewrite-card").code == 0
    renewed = files["README.md"].decode()
    assert ("My preface." in renewed, "My own advice." in renewed, "## Figures" in renewed) == (
        True,
        False,
        True,
    )


def test_a_model_file_tells_what_it_knows(
    run: RunFolder, hub: WritableHub, here: None, frieze: Frieze, tmp_path: Path
) -> None:
    """The metadata alone lead back to recipe, tags and selection."""
    model = shutil.copy(run.output_dir / "foxes.safetensors", tmp_path / "alone.safetensors")
    shutil.rmtree(run.path)
    done = publish(frieze, "--revision", "v2", what=model)
    assert done.code == 0, done.err
    branches = hub.repositories[REPO].branches
    assert (branches["main"], sorted(branches["v2"])) == (
        {},
        ["README.md", "alone.safetensors", "recipe.toml"],
    )
    card = branches["v2"]["README.md"].decode()
    assert "| foxes | `fox` | 3 |" in card
    assert "`fox` 3" in card
    assert "The whole recipe" in card
    assert "base.safetensors" in card


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("whoami", 401, "the hub does not know the token"),
        ("repos/create", 403, "the token may not write to someone/foxes"),
        ("repos/create", 500, "making someone/foxes failed"),
        ("preupload", 404, "the hub has no someone/foxes"),
        ("commit", 409, "the hub has another someone/foxes of that name already"),
        ("lfs/objects/batch", 413, "the storage of someone/foxes is full"),
        ("validate-yaml", 400, "the commit to someone/foxes failed"),
    ],
)
def test_what_the_hub_refuses_is_told(
    run: RunFolder, hub: WritableHub, here: None, frieze: Frieze, path: str, status: int, words: str
) -> None:
    hub.answers = {path: [status] * 9}
    done = publish(frieze)
    assert (done.code, words in done.err) == (2 if path == "whoami" else 3, True), done.err
    assert "Traceback" not in done.err
    assert run.status() == "finished"


def test_what_breaks_off_is_tried_again_and_nothing_is_sent_twice(
    run: RunFolder, hub: WritableHub, here: None, frieze: Frieze
) -> None:
    hub.answers = {"commit": [0, 503]}
    assert publish(frieze).code == 0
    assert len(sent(hub)) == len({*sent(hub)})
    del hub.repositories[REPO]
    hub.answers = {"commit": [500] * 9}
    failed = publish(frieze)
    assert (failed.code, "what has been uploaded is not sent twice" in failed.err) == (3, True)
    hub.answers = {}
    assert publish(frieze).code == 0
    assert len(sent(hub)) == len({*sent(hub)})


def test_what_shall_be_private_never_goes_to_a_public_repository(
    run: RunFolder, hub: WritableHub, here: None, frieze: Frieze
) -> None:
    hub.repositories[REPO] = Repository(private=False)
    done = publish(frieze)
    assert (done.code, "someone/foxes is public" in done.err) == (3, True)
    assert not hub.repositories[REPO].branches["main"]
    asked = publish(frieze, "--public")
    assert (asked.code, "add --yes" in asked.err) == (2, True)
    assert publish(frieze, "--public", "--yes").code == 0
    hub.repositories[REPO] = Repository(private=True)
    kept = publish(frieze, "--public", "--yes")
    assert "someone/foxes is private and stays so" in kept.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("foxes", "--repo", "foxes"), "'foxes' cannot name a repository"),
        (("foxes", "--repo", "a/../b"), "'a/../b' cannot name a repository"),
        (("foxes", "--repo", REPO, "--revision", "../x"), "'../x' cannot name a branch"),
        (("owls", "--repo", REPO), "there is no run 'owls'"),
        (("gone.safetensors", "--repo", REPO), "there is no model file gone.safetensors"),
        (("foxes", "--repo", REPO, "--checkpoint", "7"), "has no weights '7'"),
        (("foxes", "--repo", REPO, "--thumbnail", "no.png"), "no.png is no image"),
        (("foxes", "--repo", REPO, "--card", "no.md"), "no.md cannot be read as text"),
        (("foxes", "--repo", REPO, "--stop"), "nothing is being uploaded to someone/foxes"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(
    run: RunFolder, hub: WritableHub, frieze: Frieze, words: tuple[str, ...], said: str
) -> None:
    done = frieze("publish", *words)
    assert (done.code, said in done.err) == (2, True), done.err
    assert not hub.repositories


def test_no_token_and_no_network_are_told(
    run: RunFolder, hub: WritableHub, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    assert "there is no token for the Hugging Face hub" in publish(frieze).err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids to ask the hub" in publish(frieze).err
    assert not hub.asked


def test_too_little_space_is_told_before_a_copy_is_made(
    run: RunFolder, hub: WritableHub, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = namedtuple("usage", "total used free")(1, 1, 100)
    monkeypatch.setattr(weights_copy.shutil, "disk_usage", lambda _: full)
    done = publish(frieze)
    assert (done.code, "GB are free" in done.err) == (2, True), done.err


def test_a_run_that_is_not_over_is_published_and_told(
    frozen: Path, hub: WritableHub, here: None, frieze: Frieze
) -> None:
    run = make_run(frozen.parents[1] / "runs", frozen, finished=False)
    done = publish(frieze, "--checkpoint", "1")
    assert done.code == 0, done.err
    assert "the run is crashed after step 2 of 2" in done.err
    card = hub.repositories[REPO].branches["main"]["README.md"].decode()
    assert "This is step 1 of 2: not the end of the training" in card
    assert "images/step-00000001-00.png" in card
    assert run.status() == "crashed"


def test_the_upload_is_a_process_of_its_own(run: RunFolder, hub: WritableHub, frieze: Frieze) -> None:
    done = publish(frieze, "--json")
    assert (done.code, done.json["status"]) == (0, "finished"), done.err
    assert done.json["address"] == f"{hub.address}/{REPO}/commit/{COMMIT}"
    folder = Path(done.json["folder"])
    assert json.loads((folder / "worker.json").read_text())["pid"]
    assert TOKEN not in "".join(file.read_text() for file in folder.iterdir() if file.is_file())
