"""A model's identity changes with whatever changes its answers, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.tagging.identity import identity_of
from curator.contract.tagging.job import Captioning, TaggingJob
from curator.contract.tagging.zoo import ModelRow


@pytest.fixture
def job(tmp_path: Path) -> TaggingJob:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    return TaggingJob("a", str(tmp_path), ModelRow("onnx-tagger"), 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, model="b", images=9, device="cpu", batch_size=2),
        lambda job: replace(
            job, row=replace(job.row, licence="mit", thresholds={"general": 0.5}, balance=0.3)
        ),
        lambda job: replace(job, captioning=Captioning(seed=3)),  # a tagger writes nothing
    ],
)
def test_the_same_answers(job: TaggingJob, change: Callable[[TaggingJob], TaggingJob]) -> None:
    assert identity_of(change(job)) == identity_of(job)


@pytest.mark.parametrize(
    "row", [{"side": 384}, {"pad": 0}, {"channels": "RGB"}, {"activation": "sigmoid"}, {"filter": "area"}]
)
def test_other_answers(job: TaggingJob, row: dict[str, object]) -> None:
    assert identity_of(replace(job, row=replace(job.row, **row))) != identity_of(job)


def test_other_weights_or_none(job: TaggingJob, tmp_path: Path) -> None:
    before = identity_of(job)
    (tmp_path / "model.onnx").write_bytes(b"others")
    assert identity_of(job) != before
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(UserError, match=r"no weights: model\.onnx or"):
        identity_of(job)


def test_a_captioner_that_writes_otherwise() -> None:
    served = TaggingJob("a", "", ModelRow("endpoint", url="http://127.0.0.1:1/v1"), 1)
    assert identity_of(served) == identity_of(replace(served, filter="cat"))
    assert identity_of(served) != identity_of(replace(served, captioning=Captioning(prompt="Else.")))
    assert identity_of(served) != identity_of(replace(served, row=replace(served.row, repo="other")))
