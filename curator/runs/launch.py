"""Starting of a training: in a session of its own, so that it outlives the terminal.

The worker is `python -m train RUN`, or torchrun with several of them. It has no terminal, its output goes to
the run's log, and what started it waits only until it holds the run or has failed (reference: curators_tui.md C).
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.check import check_base_model
from curator.contract.errors import ExitCode, UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.fields import value_of
from curator.contract.recipe.toml_file import dump_recipe, with_values
from curator.contract.run.event_log import end_of_events, read_events
from curator.contract.run.events import RunFailed
from curator.contract.run.run_folder import RunFolder

if TYPE_CHECKING:
    from curator.contract.recipe.checks import TrainingWarning
    from curator.contract.recipe.recipe import Recipe

WORKER: Sequence[str] = ("-m", "train")
_LAUNCHER_NAMES = {
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT"),
}
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_LOOK_S = 0.02
_ENDS_OF_A_RUN_THAT_BEGAN = (None, ExitCode.DONE, ExitCode.RUN_STOPPED)
_LONGEST_START_S = 300.0  # importing torch from a cold network disk takes minutes


def start(run: RunFolder, processes: int | None = None) -> int:
    """Start or resume `run` in the background; gives the worker's process id once it holds the run.

    Without `processes` as many train together as the run was made for: another number would be another batch.

    Raises:
        UserError: training is not installed, a worker already lives, or the worker failed at once.
    """
    check_installed()
    status = run.status()
    if status == "running":
        raise UserError(f"the run {run.path.name} is already running", "follow it with 'frieze runs follow'")
    if status == "finished":
        raise UserError(f"the run {run.path.name} is finished", "start another with 'frieze train MANIFEST'")
    run.take_requests()  # a request that a dead worker never read is not meant for the next one
    before = run.worker()
    offset = end_of_events(run.events_path)
    process = _spawn(run, processes or run.info().processes)
    # Somebody has to take the exit status of a child that ends while we live, or it stays a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < deadline:
        is_gone = process.poll() is not None
        worker = run.worker()
        if worker is not None and worker != before and process.returncode in _ENDS_OF_A_RUN_THAT_BEGAN:
            return worker.pid
        if is_gone:
            raise _failed(run, offset)
        time.sleep(_LOOK_S)
    process.terminate()
    raise UserError(f"the trainer did not begin in {_LONGEST_START_S:.0f} s", f"look into {run.log_path}")


def start_new(parent: Path, manifest: Path, recipe: Recipe, name: str, processes: int = 1) -> RunFolder:
    """Make a run folder below `parent` and start its worker.

    Raises:
        UserError: a manifest that was changed, no model, a worker that does not start.
    """
    check_models(recipe)
    check_installed()
    with open_manifest(manifest) as opened:
        digest = opened.digest
    recipe_toml = dump_recipe(_with_whole_paths(recipe))
    run = RunFolder.create(parent, name, recipe_toml, manifest, digest, processes=processes)
    start(run)
    return run


def check_models(recipe: Recipe) -> list[TrainingWarning]:
    """What is doubtful in a recipe's models, as far as their headers and configuration say. Importing torch takes long.

    Raises:
        UserError: there is no base model, no such file, or one that this recipe cannot train.
    """
    if not recipe.model.path:
        raise UserError("the recipe names no base model", "give --model PATH, or set model.path")
    for key, value in (("model.path", recipe.model.path), ("model.vae", recipe.model.vae)):
        if value and not (Path(value).expanduser().exists() or _HUB_NAME.fullmatch(value)):
            raise UserError(
                f"there is no model at {value} ({key})",
                "give a diffusers folder, a .safetensors file or a hub name such as owner/model",
            )
    return check_base_model(recipe.model)


def _with_whole_paths(recipe: Recipe) -> Recipe:
    """A resume may come from another folder: files that are there are named from the root. A hub's names stay."""
    names = ("model.path", "model.vae", "adapter.start", "embeddings.start")
    given = {name: str(value_of(recipe, name)) for name in names}
    files = {name: Path(value).expanduser() for name, value in given.items() if value}
    return with_values(recipe, {name: str(file.absolute()) for name, file in files.items() if file.exists()})


def worker_command(run: RunFolder, processes: int) -> list[str]:
    """The command line of the worker."""
    worker = [*WORKER, str(run.path.absolute())]
    if processes == 1:
        return [sys.executable, *worker]
    spread = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [sys.executable, *spread, *worker]


def check_installed() -> None:
    """Refuse where the trainer's libraries are not there.

    Raises:
        UserError: PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError("training needs PyTorch, which is not installed", "pip install 'frieze[train]'")


def _spawn(run: RunFolder, processes: int) -> subprocess.Popen[bytes]:
    # Without the safe path a folder or file called "train" where the user happens to stand would be run instead.
    kept = {name: value for name, value in os.environ.items() if not _is_of_a_launcher(name)}
    environment = kept | {"PYTHONSAFEPATH": "1"}
    try:
        with run.log_path.open("ab") as log:
            return subprocess.Popen(
                worker_command(run, processes),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )
    except OSError as error:
        raise UserError(
            f"the trainer cannot be started: {error.strerror}", "free space or check rights"
        ) from error


def _is_of_a_launcher(name: str) -> bool:
    """What torchrun or Slurm told the shell we are in: a worker that believes it would wait for its peers for ever."""
    return name in _LAUNCHER_NAMES or name.startswith("TORCHELASTIC_")


def _failed(run: RunFolder, offset: int) -> UserError:
    """What a worker that ended at once said of it."""
    if run.status() == "running":
        return UserError(
            f"the run {run.path.name} is in use by a living worker", "follow it with 'frieze runs follow'"
        )
    words = [event for event in read_events(run.events_path, offset).events if isinstance(event, RunFailed)]
    if words:
        return UserError(words[-1].what, words[-1].hint, ExitCode.RUN_FAILED)
    hint = f"look into {run.log_path}"
    return UserError("the trainer ended before it began", hint, ExitCode.RUN_FAILED)
