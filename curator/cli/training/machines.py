"""A training for several machines on the command line: options, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.shared.output import put, put_json, say
from curator.contract.errors import UserError
from curator.contract.text import counted
from curator.session.training.elsewhere import check_elsewhere, write_slurm_script

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunStart
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.run_queue import Queued
    from curator.session.training.runs import Runs

NodesOption = Annotated[
    int | None,
    typer.Option(
        "--nodes",
        metavar="M",
        min=1,
        help="So many machines train together, with --processes on each; prints what each runs; default: 1.",
    ),
]
RendezvousOption = Annotated[
    str | None,
    typer.Option(
        "--rendezvous", metavar="HOST:PORT", help="With --nodes: where on one of them they all meet."
    ),
]
SlurmOption = Annotated[
    str | None,
    typer.Option(
        "--slurm",
        metavar="FILE",
        help="Make the run, and write the script for sbatch that trains it; - prints it.",
    ),
]
SbatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sbatch",
        metavar="NAME=VALUE",
        help="With --slurm: an option of sbatch, such as partition=gpu or time=12:00:00; may be given several times.",
    ),
]


@dataclass(frozen=True)
class Beginning:
    """How a run is begun: here, at once or in its turn, or by other machines; `processes` on each, None: as before."""

    processes: int | None
    detach: bool
    as_json: bool
    nodes: int = 1
    rendezvous: str | None = None
    slurm: str | None = None
    sbatch: Sequence[str] = ()
    queued: Queued | None = None

    @property
    def is_elsewhere(self) -> bool:
        return self.slurm is not None or self.rendezvous is not None

    @property
    def all_processes(self) -> int | None:
        """Of all machines; None: as before."""
        is_told = self.processes is not None or self.is_elsewhere
        return (self.processes or 1) * self.nodes if is_told else None

    def check(self, look: str) -> None:
        """Refuse what has no effect; `look` is the option that only looks, if one is given.

        Raises:
            UserError: names the option.
        """
        if self.slurm is None and self.sbatch:
            raise UserError("--sbatch is for the script of --slurm", "give --slurm FILE too")
        if self.slurm is not None and self.rendezvous is not None:
            raise UserError("with --slurm the nodes find each other", "leave --rendezvous out")
        if self.rendezvous is not None and self.nodes == 1:
            raise UserError("--rendezvous is for several machines", "give --nodes M too, or leave it out")
        if self.nodes > 1 and not self.is_elsewhere and not look:
            raise UserError(
                f"{self.nodes} machines must know where they meet",
                "give --rendezvous HOST:PORT, or --slurm FILE",
            )
        if self.is_elsewhere and (self.detach or look):
            word = "--detach" if self.detach else look
            raise UserError(f"{word} cannot be given with a run that begins elsewhere", "leave it out")
        if self.queued is not None and (self.is_elsewhere or self.detach or look):
            word = (
                "--detach" if self.detach else "--nodes" if self.rendezvous is not None else look or "--slurm"
            )
            raise UserError(f"{word} cannot be given with --queue", "leave one of them out")
        if self.slurm == "-" and self.as_json:
            raise UserError("--slurm - prints the script itself", "name a file, or leave --json out")
        if self.is_elsewhere:
            script = Path(self.slurm) if self.slurm not in (None, "-") else None
            check_elsewhere(self.rendezvous, script, self.sbatch)

    def tell(self, runs: Runs, run: RunFolder) -> None:
        """Print or write what begins the run elsewhere."""
        processes = self.processes or max(1, run.info().processes // self.nodes)
        begun_by = f"each of {counted(self.nodes, 'machine')} runs this line"
        if self.rendezvous is not None:
            command = runs.line_of(run, self.nodes, processes, self.rendezvous)
        else:
            script = runs.slurm_script(run, self.nodes, processes, self.sbatch)
            if self.slurm == "-":
                put(script.rstrip("\n"))
                return
            file = Path(self.slurm or "")
            write_slurm_script(file, script)
            command, begun_by = f"sbatch {file}", "this is run"
        if self.as_json:
            report: RunStart = {
                "schema": "frieze/run-start/1",
                "run": run.path.name,
                "path": str(run.path.absolute()),
                "pid": None,
                "begin": command,
            }
            put_json(report)
            return
        say(f"{run.path.name} begins when {begun_by}:")
        put(command)
        say(f"follow it with: frieze runs follow {run.path.name}")
