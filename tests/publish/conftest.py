"""A hub on loopback, and a finished run in a collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.contract.run.run_folder import RunFolder
from curator.publish import publication
from curator.publish.upload.worker import work
from tests.cli.conftest import Frieze, collection, frieze, frozen, pictures
from tests.publish.trained import leave, make_run
from tests.writable_hub import WritableHub, hub_of_this_process

__all__ = ["Frieze", "collection", "frieze", "frozen", "pictures"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[WritableHub]:
    """A hub that this process speaks to; waits between tries are none."""
    with hub_of_this_process(monkeypatch) as running:
        yield running


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads are made by this process, at once, instead of by a worker of their own."""

    def begin(folder: RunFolder, *_: object) -> int:
        work(folder)
        leave(folder)
        return 1

    monkeypatch.setattr(publication, "begin", begin)


@pytest.fixture
def run(frozen: Path) -> RunFolder:
    return make_run(frozen.parents[1] / "runs", frozen)
