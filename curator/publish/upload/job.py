"""A publication to be uploaded: a folder with what goes where, and the worker's files as in a run.

`publish/REPO/` in the folder of a run, or `NAME.publish/REPO/` beside a model file, holds `upload.json` and `files/`
until all is on the hub; `events.jsonl`, `log.txt`, `worker.json` and `exit.json` as docs/events.md has them.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from curator.contract import locations
from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.run.run_folder import RunFolder


@dataclass(frozen=True)
class UploadFile:
    """A file: its place in the repository, and where it lies."""

    remote: str
    path: str
    bytes: int


@dataclass(frozen=True)
class UploadJob:
    """What is uploaded in one commit. `weights` names the model file it is about."""

    repo: str
    revision: str
    is_public: bool
    message: str
    weights: str
    files: tuple[UploadFile, ...]


def upload_folder(weights: Path, run: RunFolder | None, repo: str, revision: str) -> RunFolder:
    """Where the upload of a file to a branch has its folder."""
    home = run.path / locations.PUBLISH if run else weights.with_suffix(f".{locations.PUBLISH}")
    return RunFolder(home / f"{repo}@{revision}".replace("/", "--"))


def write_job(folder: RunFolder, job: UploadJob) -> None:
    """Write `upload.json`, the last file that the worker needs.

    Raises:
        OSError: it cannot be written.
    """
    folder.requests_dir.mkdir(parents=True, exist_ok=True)
    replace_file(folder.path / locations.UPLOAD, to_json(asdict(job), indent=1).encode())


def read_job(folder: RunFolder) -> UploadJob:
    """The job in a folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    file = folder.path / locations.UPLOAD
    try:
        return checked(UploadJob, read_object(file))
    except FileNotFoundError:
        raise UserError(f"{folder.path} holds no upload", "publish again") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is damaged: {error}", "remove the folder, and publish again") from error


def upload_folders(run: RunFolder) -> list[RunFolder]:
    """The uploads of a run, by name."""
    home = run.path / locations.PUBLISH
    found = sorted(home.iterdir()) if home.is_dir() else []
    return [RunFolder(each) for each in found if _is_upload(each)]


def _is_upload(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in (locations.UPLOAD, locations.EVENTS))


def drop_files(folder: RunFolder) -> None:
    """Remove the copies that have been uploaded."""
    shutil.rmtree(folder.path / locations.UPLOAD_FILES, ignore_errors=True)
