"""The worker of an upload: file after file, then one commit. What the hub has already is not sent twice."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from curator.contract.errors import ExitCode, UserError
from curator.contract.run.event_log import EventLog
from curator.contract.run.events import Progress, RunEnded, RunFailed, RunStarted, Uploaded, Warned
from curator.publish.choices import MAIN
from curator.publish.upload.hub import opened_hub, tried
from curator.publish.upload.job import UploadJob, drop_files, read_job

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

    from curator.contract.run.run_folder import RunFolder

PHASE = "uploading"
Show = Callable[[int, int], None]  # bytes on the hub, and in all


class _StoppedError(Exception):
    """Somebody asked the upload to stop."""


def work(folder: RunFolder) -> int:
    """Upload the job in `folder`; the exit code. What goes wrong is told as an event, and nothing else is harmed."""
    try:
        with folder.hold():
            log = EventLog(folder.events_path)
            code, how = _worked(folder, log)
            log.write(RunEnded(time.time(), how, 0))
            folder.finish(how, 0)
            return code
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return error.code


def _worked(folder: RunFolder, log: EventLog) -> tuple[int, str]:
    try:
        job = read_job(folder)
        total = sum(file.bytes for file in job.files)
        log.write(_started(job))

        def show(done: int, total: int) -> None:
            log.write(Progress(time.time(), PHASE, done, total))
            if "stop" in folder.take_requests():
                raise _StoppedError

        show(0, total)
        address = upload(job, show, lambda what, hint: log.write(Warned(time.time(), what, hint)))
        log.write(Uploaded(time.time(), job.weights, job.repo, address))
        drop_files(folder)
    except _StoppedError:
        return ExitCode.RUN_STOPPED, "stopped"
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED, "stopped"
    except UserError as error:
        log.write(RunFailed(time.time(), error.what, error.hint))
        return ExitCode.RUN_FAILED, "failed"
    except Exception as error:  # noqa: BLE001 (the boundary: no upload may end without a sentence)
        with suppress(OSError):
            traceback.print_exc()
        said = f"the upload broke: {type(error).__name__}"
        log.write(RunFailed(time.time(), said, f"{folder.log_path} tells where"))
        return ExitCode.RUN_FAILED, "failed"
    return ExitCode.DONE, "finished"


def _started(job: UploadJob) -> RunStarted:
    return RunStarted(
        at=time.time(),
        step=0,
        total_steps=len(job.files),
        total_epochs=0,
        resumed=False,
        pid=os.getpid(),
        device=job.repo,
        processes=1,
    )


def upload(job: UploadJob, show: Show, doubt: Callable[[str, str], None]) -> str:
    """Put the files of `job` into its repository, which is made where there is none; the address of the commit.

    Raises:
        UserError: what the hub refused, that it cannot be reached, or a file is gone.
    """
    api = opened_hub()
    _ready_repository(api, job, doubt)
    operations = _operations(job)
    done, total = 0, sum(file.bytes for file in job.files)
    for file, operation in zip(job.files, operations, strict=True):
        tried(
            f"the upload of {file.remote}",
            job.repo,
            lambda operation=operation: api.preupload_lfs_files(
                job.repo, [operation], revision=job.revision, free_memory=False
            ),
        )
        done += file.bytes
        show(done, total)
    commit = tried(
        f"the commit to {job.repo}",
        job.repo,
        lambda: api.create_commit(job.repo, operations, commit_message=job.message, revision=job.revision),
    )
    return str(commit.commit_url)


def _ready_repository(api: HfApi, job: UploadJob, doubt: Callable[[str, str], None]) -> None:
    """Make the repository and the branch where there are none; never show what shall be private.

    Raises:
        UserError: the repository is public and `job` is not, or the hub refuses.
    """
    doing = f"the look at {job.repo}"
    if tried(doing, job.repo, lambda: api.repo_exists(job.repo)):
        is_private = tried(doing, job.repo, lambda: api.repo_info(job.repo)).private
        if not is_private and not job.is_public:
            raise UserError(
                f"{job.repo} is public", "add --public to publish there, or choose another --repo"
            )
        if is_private and job.is_public:
            doubt(f"{job.repo} is private and stays so", "change it on its page")
    else:
        tried(
            f"making {job.repo}",
            job.repo,
            lambda: api.create_repo(job.repo, private=not job.is_public, exist_ok=True),
        )
    if job.revision != MAIN:
        tried(
            f"making the branch {job.revision}",
            job.repo,
            lambda: api.create_branch(job.repo, branch=job.revision, exist_ok=True),
        )


def _operations(job: UploadJob) -> Sequence[CommitOperationAdd]:
    from huggingface_hub import CommitOperationAdd

    try:
        return [CommitOperationAdd(file.remote, file.path) for file in job.files]
    except (OSError, ValueError) as error:
        raise UserError(f"a file of the upload is gone: {error}", "publish again") from error
