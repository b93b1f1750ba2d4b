"""A training on several machines: the line that each of them runs, and the job script for Slurm."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract import locations
from curator.contract.errors import UserError
from curator.contract.files.whole_files import drafted_file

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder

_MOST_PORT = 65535
_PUBLISH = "curator.publish"
_SLURM_OPTION = re.compile(r"[a-z][a-z0-9-]*=[^\s\"'`$\\;&|<>]+")
_OURS = {"nodes", "ntasks-per-node", "gpus-per-node", "requeue", "open-mode", "signal"}
_WARNED_S = 180  # before the end of its time a job is told; a step and a state must fit in

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=frieze
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={processes}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@{warned}
{options}
# The run {name}. All nodes must see its folder, its images and its base model, and this Python.
run={run}
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
meet="$first:$((20000 + SLURM_JOB_ID % 20000))"

# Slurm warns of preemption and of the end of the time: the run saves its state and stops, and the job waits again.
told=
stop() {{ told=yes; touch "$run/{requests}/$(printf '%020d' "$(date +%s%N)")-stop"; }}
trap stop USR1 TERM

srun --kill-on-bad-exit=1 {python} -m torch.distributed.run --nnodes "$SLURM_JOB_NUM_NODES" \\
  --nproc-per-node {processes} --rdzv-backend c10d --rdzv-endpoint "$meet" \\
  --rdzv-id "$SLURM_JOB_ID-${{SLURM_RESTART_COUNT:-0}}" -m train "$run" &
work=$!
{uploads}wait "$work"; code=$?
while kill -0 "$work" 2>/dev/null; do wait "$work"; code=$?; done
if [ -n "$told" ] && ! grep -q '"how": "finished"' "$run/{exit}" 2>/dev/null; then
  scontrol requeue "$SLURM_JOB_ID"
fi
{uploaded}exit "$code"
"""
_UPLOADS = """\
mkdir -p "$run/{publish}"
PYTHONSAFEPATH=1 {python} -m {module} --follow "$work" "$run/{publish}" >> "$run/{publish}/{log}" 2>&1 &
uploads=$!
"""


def checked_rendezvous(address: str) -> str:
    """HOST:PORT of one of the machines, where all of them meet.

    Raises:
        UserError: it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or re.search(r"[\s/]", host) or not port.isdecimal() or not 0 < int(port) <= _MOST_PORT:
        raise UserError(
            f"'{address}' is no HOST:PORT",
            "give the name of one of the machines and a free port, as in box1:29400",
        )
    return address


def check_elsewhere(rendezvous: str | None, script: Path | None, options: Sequence[str]) -> None:
    """Refuse what `line_of`, `slurm_script` and `write_script` would, before a run is made.

    Raises:
        UserError: as they do.
    """
    if rendezvous is not None:
        checked_rendezvous(rendezvous)
    _check_options(options)
    if script is not None and script.exists():
        raise _taken(script)


def line_of(run: RunFolder, nodes: int, processes: int, rendezvous: str, *, uploads: bool = False) -> str:
    """What each machine runs, all of them the same: which is the first they find out where they meet.

    With `uploads` the first process of all has checkpoints uploaded.

    Raises:
        UserError: as `checked_rendezvous`.
    """
    where = [
        "--rdzv-backend",
        "c10d",
        "--rdzv-endpoint",
        checked_rendezvous(rendezvous),
        "--rdzv-id",
        run.path.name,
    ]
    worker = ["-m", _PUBLISH, "--beside"] if uploads else ["-m", "train"]
    count = ["--nnodes", str(nodes), "--nproc-per-node", str(processes)]
    return shlex.join(["torchrun", *count, *where, *worker, str(run.path.absolute())])


def slurm_script(
    run: RunFolder, nodes: int, processes: int, options: Sequence[str], *, uploads: bool = False
) -> str:
    """The script to hand to sbatch; `options` are its own, such as `partition=gpu`.

    With `uploads` the job uploads checkpoints, and ends when that is done.

    Raises:
        UserError: an option that is none, or that the script itself sets.
    """
    _check_options(options)
    python = shlex.quote(sys.executable)
    begun = _UPLOADS.format(python=python, module=_PUBLISH, publish=locations.PUBLISH, log=locations.LOG)
    return _SCRIPT.format(
        nodes=nodes,
        processes=processes,
        warned=_WARNED_S,
        options="".join(f"#SBATCH --{option}\n" for option in options),
        name=run.path.name,
        run=shlex.quote(str(run.path.absolute())),
        requests=locations.REQUESTS,
        exit=locations.EXIT,
        python=python,
        uploads=begun if uploads else "",
        uploaded='wait "$uploads"\n' if uploads else "",
    )


def _check_options(options: Sequence[str]) -> None:
    for option in options:
        name = option.partition("=")[0]
        if not _SLURM_OPTION.fullmatch(option):
            raise UserError(
                f"'{option}' is no option of sbatch",
                "give NAME=VALUE as in --sbatch time=12:00:00, without dashes",
            )
        if name in _OURS:
            raise UserError(
                f"--sbatch {name} cannot be given: the job needs its own",
                "set machines and GPUs with --nodes and --processes",
            )


def write_script(file: Path, script: str) -> None:
    """Write a job script; what has its name already stays.

    Raises:
        UserError: there is such a file, or it cannot be written.
    """
    try:
        with drafted_file(file, replace=False) as draft:
            draft.write_text(script, "utf-8")
    except FileExistsError as error:
        raise _taken(file) from error
    except OSError as error:
        raise UserError(
            f"{file} cannot be written: {error.strerror or error}", "choose another place or name"
        ) from error


def _taken(file: Path) -> UserError:
    return UserError(f"there is a file {file} already", "choose another name, or remove it")
