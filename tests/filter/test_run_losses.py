"""`loss(RUN)`: losses of single images in a run as numbers of the collection's images (row B18)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.image_losses import RECORD, losses_file
from curator.contract.run.run_folder import RunFolder
from curator.filter import run_losses
from curator.filter.run_losses import losses_by_row
from curator.runs.image_losses import losses_of_run
from curator.session.session import Session

NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def session(tmp_path: Path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (512, 512), (number * 50, 9, 9)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(name)
    with Session.create(tmp_path) as opened:
        opened.images.scan(folder)
        opened.freezing.write("set")
        yield opened


def trained(
    session: Session, name: str, losses: dict[str, float], *, ranks: int = 1, steps: int = 8
) -> RunFolder:
    """A run with records as the trainer writes them: each image once a step, harder at late timesteps."""
    manifest = session.folder / "manifests" / "set.manifest"
    run = RunFolder.create(session.runs.folder, name, "", manifest, "d" * 64)
    (run.path / "losses").mkdir()
    with open_manifest(manifest) as opened:
        rows = {Path(image.path).stem: row for row, image in enumerate(opened.images())}
    files = [bytearray() for _ in range(ranks)]
    for step in range(1, steps + 1):
        for number, (image, loss) in enumerate(losses.items()):
            timestep = 100 if (step + number) % 2 else 900  # each image meets both equally often
            factor = 0.5 if timestep == 100 else 1.5
            files[number % ranks] += RECORD.pack(step, rows[image], loss * factor, timestep, 0)
    for rank, data in enumerate(files):
        losses_file(run.path / "losses", rank).write_bytes(data)
    return run


def names_of(session: Session, text: str) -> list[str]:
    return [Path(row.path).stem for row in session.images.rows(session.images.select(text).ids.tolist())]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_loss_is_a_field_to_filter_and_sort_by(session: Session, ranks: int) -> None:
    """B18: the losses' order and size come through, whatever timesteps were drawn, of all processes' files."""
    trained(session, "fox", {"ant": 0.1, "bee": 0.4, "cat": 0.2}, ranks=ranks)
    assert names_of(session, "sort:-loss(fox)") == ["bee", "cat", "ant", "dog"]  # what was not trained last
    assert names_of(session, "loss(fox)>0.3") == ["bee"]
    assert names_of(session, "loss(fox)<0.15") == ["ant"]
    assert names_of(session, "loss(fox):none") == ["dog"]
    assert names_of(session, "loss(fox)!=none sort:loss(FOX) limit:1") == ["ant"]
    assert "loss(fox)" in session.filters.orders()


def test_an_image_that_met_hard_timesteps_alone_is_not_taken_for_a_hard_one(session: Session) -> None:
    run = trained(session, "fox", {})
    data = b"".join(
        RECORD.pack(step, row, 0.6 if timestep == 900 else 0.2, timestep, 0)
        for row, times in enumerate(((100, 100), (900, 900), (100, 900)))
        for step, timestep in enumerate(times, start=1)
    )
    losses_file(run.path / "losses", 0).write_bytes(data)
    rows = losses_by_row(run, 4)
    assert rows.loss[:3] == pytest.approx([0.4] * 3)
    assert np.isnan(rows.loss[3])
    assert rows.seen.tolist() == [2, 2, 2, 0]


def test_what_a_run_adds_is_seen_and_what_is_no_record_is_passed_over(session: Session) -> None:
    run = trained(session, "fox", {"ant": 0.1, "bee": 0.4})
    assert names_of(session, "loss(fox)>0.3") == ["bee"]
    with losses_file(run.path / "losses", 0).open("ab") as file:
        for step in range(9, 40):
            file.write(RECORD.pack(step, 0, 3.0, 100 if step % 2 else 900, 0))
        file.write(RECORD.pack(41, 999_999, 1.0, 5, 0) + RECORD.pack(0, 1, 1.0, 5, 0))
        file.write(RECORD.pack(41, 1, float("nan"), 5, 0) + b"\1" * 7)
    assert names_of(session, "loss(fox)>0.3 sort:-loss(fox)")[0] == "ant"


def test_an_image_whose_file_changed_has_no_loss_any_more(session: Session) -> None:
    trained(session, "fox", {"ant": 0.1, "bee": 0.4})
    assert names_of(session, "loss(fox)!=none") == ["ant", "bee"]
    path = session.folder / "pictures" / "bee.png"
    Image.new("RGB", (512, 512), (1, 200, 3)).save(path)
    os.utime(path, (1, 1))
    session.images.scan()
    assert names_of(session, "loss(fox)!=none") == ["ant"]


def test_a_run_that_is_not_there_or_has_none_is_a_sentence(session: Session) -> None:
    trained(session, "fox", {"ant": 0.1})
    RunFolder.create(session.runs.folder, "owl", "", session.folder / "manifests" / "set.manifest", "d" * 64)
    with pytest.raises(UserError, match="no run 'fix'") as caught:
        session.images.select("loss(fix)>1")
    assert "fox" in caught.value.hint
    with pytest.raises(UserError, match="no losses of single images"):
        session.images.select("loss(owl)>1")
    with pytest.raises(UserError, match="compared with a number"):
        session.images.select("loss(fox)")


def test_of_several_runs_of_a_name_it_is_the_newest_and_a_folder_is_itself(session: Session) -> None:
    old = trained(session, "fox", {"ant": 0.1})
    trained(session, "fox", {"bee": 0.1})
    assert names_of(session, "loss(fox)!=none") == ["bee"]
    assert names_of(session, f"loss({old.path.name})!=none") == ["ant"]


def test_the_images_that_never_fit_and_those_that_are_memorised(session: Session) -> None:
    """B18: in the halves of the run as well, and those seen too seldom are left out."""
    run = trained(session, "fox", {"ant": 0.1, "bee": 0.4, "cat": 0.2}, steps=40)
    with losses_file(run.path / "losses", 0).open("ab") as file:
        file.write(RECORD.pack(40, 3, 9.0, 100, 0))
    found = losses_of_run(run, 2)
    assert [each.path.stem for each in found.highest] == ["bee", "cat"]
    assert [each.path.stem for each in found.lowest] == ["ant", "cat"]
    assert (found.images, found.least_seen) == (4, 20)
    assert [each.path.stem for each in losses_of_run(run, 1, 1).highest] == ["dog"]
    (subset,) = found.subsets
    assert subset.images == 4
    assert found.highest[0].early == pytest.approx(found.highest[0].late, rel=0.2)


def test_the_facts_of_an_image_have_its_losses(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(session, "fox", {"ant": 0.1, "bee": 0.4})
    monkeypatch.setattr(run_losses, "_looked_at", set())
    monkeypatch.setattr(run_losses, "_known", {})
    (row,) = session.images.rows(session.images.select("bee").ids.tolist())
    assert list(session.images.numbers_of(row)) == ["loss(fox)"]
    assert "loss(fox)" in session.images.explain(row.id).facts


def test_millions_of_samples_are_folded_in_blocks(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into blocks of three records, the numbers are the same."""
    run = trained(session, "fox", {"ant": 0.1, "bee": 0.4, "cat": 0.2}, ranks=2, steps=11)
    whole = losses_by_row(run, 4)
    monkeypatch.setattr(run_losses, "_BLOCK", 3)
    cut = losses_by_row(run, 4)
    np.testing.assert_allclose(cut.loss, whole.loss, rtol=1e-12)
    assert cut.seen.tolist() == whole.seen.tolist()
