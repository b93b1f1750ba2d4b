"""Decides what a run's folder holds, who may work in it, and how its state is told from outside.

`runs/<date>-<name>/` holds `run.json`, `recipe.toml`, `events.jsonl`, `requests/`, `log.txt`, `state/`,
`samples/`, `output/`. One worker at a time holds `run.lock` for its life and leaves `worker.json` (process id,
its start time, boot id); `exit.json` is written last, so its absence after a worker means a crash. `docs/events.md`
describes the files for other programs.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from curator.contract.errors import UserError, did_you_mean
from curator.contract.process_identity import Identity, identity_of, is_alive

Action = Literal["pause", "resume", "save", "sample", "stop"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_PATIENCE_S = 0.5
Status = Literal["new", "running", "finished", "stopped", "failed", "crashed"]


@dataclass(frozen=True)
class RunInfo:
    """What a run was started on; `processes` train together, and do so again after a resume."""

    name: str
    manifest: str
    manifest_digest: str
    created_at: str
    processes: int = 1


class RunFolder:
    """One run, by its folder."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def recipe_path(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def state_dir(self) -> Path:
        return self.path / "state"

    @property
    def samples_dir(self) -> Path:
        return self.path / "samples"

    @property
    def output_dir(self) -> Path:
        return self.path / "output"

    @property
    def requests_dir(self) -> Path:
        return self.path / "requests"

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
    ) -> RunFolder:
        """A new run below `parent`, named by today's date and `name`; a number is added where that is taken.

        Raises:
            UserError: a name that is no folder name, or no right or space to write.
        """
        if not re.fullmatch(r"[\w][\w .+-]{0,80}", name):
            raise UserError(f"'{name}' cannot name a run", "use letters, digits, '-', '_' and '.'")
        now = datetime.now().astimezone()
        run = cls(_fresh_folder(parent, f"{now:%Y-%m-%d}-{name}"))
        try:
            for folder in (run.requests_dir, run.state_dir, run.samples_dir, run.output_dir):
                folder.mkdir()
            run.recipe_path.write_text(recipe_toml, "utf-8")
            at = now.isoformat(timespec="seconds")
            info = RunInfo(name, str(manifest.absolute()), manifest_digest, at, processes)
            write_json(run.path / "run.json", asdict(info))  # last: a folder without it is no run
        except (OSError, UnicodeError) as error:
            shutil.rmtree(run.path, ignore_errors=True)
            raise _no_run(parent, error) from error
        return run

    def info(self) -> RunInfo:
        """What the run was started on.

        Raises:
            UserError: the folder is no run.
        """
        about = read_json(self.path / "run.json")
        if about is None:
            raise UserError(f"{self.path} is no run", "list the runs with 'frieze runs list'")
        texts = (str(about.get(name, "")) for name in ("name", "manifest", "manifest_digest", "created_at"))
        return RunInfo(*texts, processes=int(about.get("processes", 1)))

    @contextmanager
    def hold(self) -> Generator[None]:
        """Be the run's one worker while the `with` lasts.

        Raises:
            UserError: another worker lives.
        """
        lock = os.open(self.path / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _locked_within(lock, _PATIENCE_S):
                raise _in_use(self)
            (self.path / "exit.json").unlink(missing_ok=True)
            write_json(self.path / "worker.json", asdict(identity_of(os.getpid())))
            yield
        finally:
            os.close(lock)

    def finish(self, how: str, step: int) -> None:
        """Leave the exit record: the last file a worker writes."""
        write_json(self.path / "exit.json", {"how": how, "step": step})

    def status(self) -> Status:
        """Whether the run lives, and how it ended if not."""
        worker = read_json(self.path / "worker.json")
        if worker is None:
            return "running" if self._is_locked() else "new"
        if self._is_locked() or is_alive(Identity(**worker)):
            return "running"
        ended = read_json(self.path / "exit.json")
        return ended["how"] if ended else "crashed"

    def worker_pid(self) -> int | None:
        """The process id of the last worker."""
        worker = read_json(self.path / "worker.json")
        return worker["pid"] if worker else None

    def request(self, action: str) -> None:
        """Ask the worker for something; it looks once a step.

        Raises:
            UserError: an unknown action, or no worker to hear it.
        """
        if action not in ACTIONS:
            raise UserError(f"a run cannot '{action}'", did_you_mean(action, ACTIONS))
        if self.status() != "running":
            raise UserError(
                f"the run {self.path.name} is not running", "start it again with 'frieze train --resume'"
            )
        scratch = self.path / f".request-{os.getpid()}-{time.time_ns()}"
        scratch.touch()
        os.replace(scratch, self.requests_dir / f"{time.time_ns():020d}-{action}")

    def waiting_requests(self) -> list[str]:
        """What was asked for and not taken yet, oldest first."""
        return [file.name.partition("-")[2] for file in sorted(self.requests_dir.glob("*"))]

    def take_requests(self) -> list[Action]:
        """The requests made since the last call, oldest first; each is taken once."""
        taken: list[Action] = []
        for file in sorted(self.requests_dir.iterdir()):
            action = file.name.partition("-")[2]
            file.unlink(missing_ok=True)
            taken.extend(known for known in ACTIONS if known == action)
        return taken

    def _is_locked(self) -> bool:
        try:
            lock = os.open(self.path / "run.lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: lookers do not see each other
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False


def _locked_within(lock: int, seconds: float) -> bool:
    """Take the lock. Whoever asks for the status holds it for an instant, which must not turn a worker away."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _in_use(run: RunFolder) -> UserError:
    return UserError(
        f"the run {run.path.name} is in use by a living worker", "follow it with 'frieze runs follow'"
    )


def _no_run(parent: Path, error: Exception) -> UserError:
    why = error.strerror if isinstance(error, OSError) else "a name in it is no UTF-8"
    return UserError(f"no run can be made in {parent}: {why}", "free space, check rights, or rename")


def _fresh_folder(parent: Path, name: str) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise _no_run(parent, error) from error
    raise UserError(f"there are too many runs named {name}", "choose another name")


def write_json(path: Path, about: dict[str, Any]) -> None:
    """Write a small JSON file whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(json.dumps(about, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())  # renamed before it is on the disk, a power loss would leave an empty file
    os.replace(scratch, path)


def read_json(path: Path) -> dict[str, Any] | None:
    """A small JSON file, or None where there is none that can be read."""
    try:
        about = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) else None
