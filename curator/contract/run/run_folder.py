"""A run's folder: its files, who may work in it, and its status as seen from outside.

`runs/<date>-<name>/` holds `run.json`, `recipe.toml`, `events.jsonl`, `requests/`, `log.txt`, `state/`,
`samples/`, `output/`. One worker at a time holds `run.lock` for its life and leaves `worker.json` (process id,
its start time, boot id); `exit.json` is written last, so its absence after a worker means a crash: docs/events.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from curator.contract import locations
from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.fresh_folder import fresh_folder
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.run import run_lock
from curator.contract.run.process_identity import Identity, identity_of, is_alive
from curator.contract.run.saved_states import copy_state, state_step

Action = Literal["pause", "resume", "save", "sample", "stop", "suspend"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Ending = Literal["finished", "stopped", "failed", "suspended"]
Status = Literal["new", "running", Ending, "crashed"]
_NAME = re.compile(r"[\w][\w .+-]{0,80}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class RunInfo:
    """What a run was started on; `processes` train together, and do so again after a resume.

    A fork goes on `from_step` steps into the run whose folder `forked_from` names, with what `changed` tells.
    """

    name: str
    manifest: str
    manifest_digest: str
    created_at: str
    processes: int = 1
    forked_from: str = ""
    from_step: int = 0
    changed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):  # output files are called so
            raise ValueError("'name' cannot name a run")
        if self.created_at:
            datetime.fromisoformat(self.created_at).timestamp()
        if self.processes < 1:
            raise ValueError("'processes' is below 1")


@dataclass(frozen=True)
class Origin:
    """What a fork goes on from: a state of the run whose folder is called `run`, and what it changes, in words."""

    run: str
    state: Path
    changed: tuple[str, ...]
    with_optimizer: bool


@dataclass(frozen=True)
class _Exit:
    how: Ending


class RunFolder:
    """One run, by its folder."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def info_path(self) -> Path:
        return self.path / locations.RUN_INFO

    @property
    def recipe_path(self) -> Path:
        return self.path / locations.RECIPE

    @property
    def events_path(self) -> Path:
        return self.path / locations.EVENTS

    @property
    def log_path(self) -> Path:
        return self.path / locations.LOG

    @property
    def state_dir(self) -> Path:
        return self.path / locations.STATE

    @property
    def samples_dir(self) -> Path:
        return self.path / locations.SAMPLES

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.requests_dir, self.state_dir, self.samples_dir, self.output_dir

    @property
    def output_dir(self) -> Path:
        return self.path / locations.OUTPUT

    @property
    def requests_dir(self) -> Path:
        return self.path / locations.REQUESTS

    @classmethod
    def create(
        cls,
        parent: Path,
        name: str,
        recipe_toml: str,
        manifest: Path,
        manifest_digest: str,
        *,
        processes: int = 1,
        origin: Origin | None = None,
    ) -> RunFolder:
        """A new run below `parent`, named by today's date and `name`; a number is added where that is taken.

        Raises:
            UserError: a name that is no folder name, or no right or space to write.
        """
        if not _NAME.fullmatch(name):
            raise UserError(f"'{name}' cannot name a run", "use letters, digits, '-', '_' and '.'")
        now = datetime.now().astimezone()
        try:
            run = cls(fresh_folder(parent, f"{now:%Y-%m-%d}-{name}"))
        except OSError as error:
            raise _no_run(parent, error) from error
        try:
            for folder in run._folders:
                folder.mkdir()
            replace_file(run.recipe_path, recipe_toml.encode())
            at = now.isoformat(timespec="seconds")
            info = RunInfo(name, str(manifest.absolute()), manifest_digest, at, processes)
            if origin is not None:
                digest = hashlib.sha256(recipe_toml.encode()).hexdigest()
                copy_state(
                    origin.state, run.state_dir, digest, manifest_digest, with_optimizer=origin.with_optimizer
                )
                step = state_step(origin.state)
                info = replace(info, forked_from=origin.run, from_step=step, changed=origin.changed)
            _write(run.info_path, asdict(info))  # last: a folder without it is no run
        except (OSError, UnicodeError) as error:
            shutil.rmtree(run.path, ignore_errors=True)
            raise _no_run(parent, error) from error
        return run

    def info(self) -> RunInfo:
        """What the run was started on.

        Raises:
            UserError: the folder is no run, or what it says of itself is damaged.
        """
        file = self.info_path
        try:
            return checked(RunInfo, read_object(file), passes_over=True)
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"{self.path} is no run", "list the runs with 'frieze runs list'") from None
        except (OSError, ValueError) as error:
            said = (isinstance(error, OSError) and error.strerror) or str(error)
            raise UserError(
                f"the run {self.path.name} is damaged: {locations.RUN_INFO}: {said}",
                "restore the file, or move the folder away",
            ) from error

    @contextmanager
    def hold(self) -> Generator[None]:
        """Be the run's one worker while the `with` lasts; raises as `resting`."""
        with self.resting() as lock:
            with self._writing():
                for folder in self._folders:
                    folder.mkdir(exist_ok=True)  # copies of a run often leave out what is empty
                run_lock.take_reserve(lock)
                _write(self.path / locations.WORKER, asdict(identity_of(os.getpid())))
                (self.path / locations.EXIT).unlink(missing_ok=True)
                run_lock.work(lock)  # who sees it running finds whose it is
            yield

    @contextmanager
    def resting(self) -> Generator[int]:
        """Keep workers away while the `with` lasts; gives the lock's descriptor.

        Raises:
            UserError: a worker lives, or the folder cannot be written to.
        """
        with ExitStack() as held:
            try:
                with self._writing():
                    lock = held.enter_context(run_lock.resting(self.path / locations.RUN_LOCK))
            except run_lock.InUseError:
                said = f"the run {self.path.name} is in use by a living worker"
                raise UserError(said, "follow it with 'frieze runs follow'") from None
            yield lock

    def write_info(self, info: RunInfo) -> None:
        """Say anew what the run was started on; a `UserError` where it cannot be written."""
        with self._writing():
            _write(self.info_path, asdict(info))

    def free_reserve(self) -> None:
        """Give back the space that the lock takes: on a full disk it is what the last words are written to."""
        run_lock.free_reserve(self.path / locations.RUN_LOCK)

    def finish(self, how: str, step: int) -> None:
        """Leave the exit record: the last file a worker writes.

        Raises:
            UserError: it cannot be written.
        """
        with self._writing():
            _write(self.path / locations.EXIT, {"how": how, "step": step})

    def status(self) -> Status:
        """Whether the run lives, and how it ended if not: a record that says nothing known is none.

        The lock tells, and where a file system keeps none the process; but a worker that left its exit record is
        over though its process lives on, as one does that goes through several runs: whoever comes next removes it.
        """
        had_worker = os.path.lexists(self.path / locations.WORKER)
        if run_lock.is_worked(self.path / locations.RUN_LOCK, had_worker=had_worker):
            return "running"
        if ended := _read(_Exit, self.path / locations.EXIT):
            return ended.how
        if not had_worker:
            return "new"
        worker = self.worker()
        return "running" if worker and is_alive(worker) else "crashed"

    def worker(self) -> Identity | None:
        """The last worker."""
        return _read(Identity, self.path / locations.WORKER)

    def worker_pid(self) -> int | None:
        """The process id of the last worker."""
        return worker.pid if (worker := self.worker()) else None

    def request(self, action: str) -> None:
        """Ask the worker for something; it looks once a step.

        Raises:
            UserError: an unknown action, no worker to hear it, or the folder cannot be written to.
        """
        if action not in ACTIONS:
            raise UserError(f"a run cannot '{action}'", did_you_mean(action, ACTIONS))
        if (status := self.status()) != "running":
            again = "start it again with 'frieze train --resume'"
            hint = "it is finished; 'frieze train --fork' trains it longer" if status == "finished" else again
            raise UserError(f"the run {self.path.name} is not running", hint)
        with self._writing():
            self.requests_dir.mkdir(exist_ok=True)
            (self.requests_dir / f"{time.time_ns():020d}-{action}").touch()

    def requests(self) -> list[Action]:
        """The requests that wait, oldest first."""
        return [action for _, action in self._waiting()]

    def take_requests(self, before: int | None = None) -> list[Action]:
        """The requests since the last call, or `before` so many ns since 1970, oldest first; each is taken once."""
        taken: list[Action] = []
        for file, action in self._waiting():
            if before is not None and file.name > f"{before:020d}":
                break
            with suppress(OSError):  # what cannot be taken away would be obeyed for ever
                file.unlink()
                taken.append(action)
        return taken

    def _waiting(self) -> list[tuple[Path, Action]]:
        try:
            files = sorted(self.requests_dir.iterdir())
        except OSError:
            return []
        named = ((file, file.name.partition("-")[2]) for file in files)
        return [(file, known) for file, action in named for known in ACTIONS if known == action]

    @contextmanager
    def _writing(self) -> Generator[None]:
        """A run's folder that cannot be written to is a sentence."""
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the run {self.path.name} cannot be written to: {error.strerror}",
                "free space or check rights, then start the same run again",
            ) from error


def _no_run(parent: Path, error: Exception) -> UserError:
    why = error.strerror if isinstance(error, OSError) else "a name in it is no UTF-8"
    return UserError(f"no run can be made in {parent}: {why}", "free space, check rights, or rename")


def _write(path: Path, about: dict[str, Any]) -> None:
    replace_file(path, f"{to_json(about, indent=1)}\n".encode())


def _read(kind: type[_T], path: Path) -> _T | None:
    """What a small file says, or None where there is none that can be read."""
    try:
        return checked(kind, read_object(path), passes_over=True)
    except (OSError, ValueError):
        return None
