"""The uploads of a run, each as its events tell it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.publish.upload.job import upload_folders
from curator.runs.follow import whole_view

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.fold import RunView


def uploads_of(run: RunFolder) -> Iterator[RunView]:
    """Every upload of a run; one whose events cannot be read is passed over."""
    for folder in upload_folders(run):
        with suppress(UserError):
            yield whole_view(folder)
