"""`frieze train`: a training checked, started and resumed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import manifest_file, runs_of
from curator.cli.shared.following import follow, left, tell_end
from curator.cli.shared.output import put, put_json, say
from curator.cli.shared.typer_apps import single
from curator.cli.training.machines import (
    Beginning,
    NodesOption,
    RendezvousOption,
    SbatchOption,
    SlurmOption,
)
from curator.cli.training.recipe_commands import SetOption
from curator.cli.training.runs.queueing import RetryOption, put_place, queued_of
from curator.cli.training.train_look import look_at, put_look, tried
from curator.contract.errors import UserError
from curator.contract.recipe.fields import toml_value
from curator.contract.recipe.toml_file import load_recipe

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunStart
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.runs import Runs

_OWN_RECIPE = "a run goes on with its own manifest and recipe"
_LOOK = "it looks at a run that begins: frieze train MANIFEST --recipe RECIPE --check"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def train(
    manifest: Annotated[
        str | None, typer.Argument(metavar="MANIFEST", help="Name in the collection, or path.")
    ] = None,
    *,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="R", help="Name of a preset, or a TOML file.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="M", help="Base model: folder, file or hub id; default: the recipe's."
        ),
    ] = None,
    sets: SetOption = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: the manifest's.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            help="Devices that train together, of each machine; default: 1, or as before.",
        ),
    ] = None,
    nodes: NodesOption = None,
    rendezvous: RendezvousOption = None,
    slurm: SlurmOption = None,
    sbatch: SbatchOption = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that is not done.")
    ] = None,
    fork: Annotated[
        str | None,
        typer.Option(
            "--fork",
            metavar="RUN[@STEP]",
            help="Begin a new run at a saved state of RUN, with what --set changes; default: its newest state.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "-n",
            help="Only say how long it would be, what memory it needs, and what is doubtful.",
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="As --dry-run, and try it out: two steps, a sample, a save; how long, how large, what does not fit.",
        ),
    ] = False,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="With --dry-run or --check, read every weight of the base model: none missing, none NaN or infinite.",
        ),
    ] = False,
    queued: Annotated[
        bool, typer.Option("--queue", help="Put it in the queue; it begins when its device is free.")
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="D",
            help="With --queue: cuda:0, cuda:0,1 or cpu; default: the first there is.",
        ),
    ] = "",
    retry: RetryOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and come back at once.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train on a manifest, resume a run, or go on from one with other settings. It lives on when this terminal closes.

    --check leaves nothing behind, and ends with 1 where the run does not fit. With --json every event of the run, one a
    line, as docs/events.md has them.
    """
    waits = queued_of(queued, device, retry, processes)
    how = Beginning(processes, detach, as_json, nodes or 1, rendezvous, slurm, sbatch or (), waits)
    how.check("--check" if check else "--dry-run" if dry_run else "")
    looks = {"--dry-run": dry_run, "--check": check, "--whole": whole}
    if resume is not None:
        beside = {"a manifest": manifest, "--recipe": recipe, "--model": model, "--name": name}
        _refuse_beside("--resume", {**beside, "--set": sets, "--fork": fork}, _OWN_RECIPE)
        _refuse_beside("--resume", looks, _LOOK)
        _resume(runs_of(collection), resume, how)
        return
    if fork is not None:
        _refuse_beside("--fork", {"--recipe": recipe}, "a fork has its run's recipe; change it with --set")
        _refuse_beside("--fork", looks, _LOOK)
        path = manifest_file(manifest, collection) if manifest else None
        changes = [*(sets or ()), *_model_set(model)]
        _fork(runs_of(collection), fork, changes, how, manifest=path, name=name)
        return
    if manifest is None or recipe is None:
        missing = "manifest" if manifest is None else "recipe"
        raise UserError(
            f"no {missing} is given", "frieze train MANIFEST --recipe RECIPE --model MODEL, or --resume RUN"
        )
    if whole and not (dry_run or check):
        raise UserError(
            "--whole reads the base model for --dry-run",
            "frieze train MANIFEST --recipe RECIPE --dry-run --whole",
        )
    path = manifest_file(manifest, collection)
    knobs = load_recipe(recipe, [*(sets or ()), *_model_set(model)])
    total = (processes or 1) * how.nodes
    if dry_run or check:
        runs = runs_of(collection)
        look = look_at(runs, knobs, total, whole=whole)
        if check and knobs.model.path:
            look = look._replace(outlook=tried(runs, path, knobs, total))
        put_look(path, knobs, total, look, as_json=as_json)
        return
    runs, called = runs_of(collection), name or path.stem
    begins = not how.is_elsewhere
    run = _started(lambda: runs.launch(path, knobs, called, total, begins=begins, queued=how.queued))
    _go_on(runs, run, how)


def _started(start: Callable[[], RunFolder]) -> RunFolder:
    try:
        return start()
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the run may have started already: see 'frieze runs list'") from None


def _model_set(model: str | None) -> list[str]:
    """The base model as a `--set`; a path is made absolute, so that a resume from elsewhere finds it."""
    if model is None:
        return []
    path = Path(model).expanduser()
    if path.exists():
        return [f"model.path={toml_value(str(path.absolute()))}"]
    if not _HUB_ID.fullmatch(model):
        raise UserError(
            f"there is no model at {model}",
            "give a diffusers folder, a .safetensors file or a hub id",
        )
    return [f"model.path={toml_value(model)}"]


def _refuse_beside(option: str, given: Mapping[str, object], hint: str) -> None:
    for word, value in given.items():
        if value:
            raise UserError(f"{word} cannot be given with {option}", hint)


def _fork(
    runs: Runs, fork: str, sets: list[str], how: Beginning, *, manifest: Path | None, name: str | None
) -> None:
    wanted, _, step = fork.rpartition("@") if "@" in fork else (fork, "", "")
    if step and not step.isdecimal():
        raise UserError(f"'{step}' is no step", "give --fork RUN@STEP, as in --fork fox@400")
    origin = runs.find(wanted)
    recipe = load_recipe(origin.recipe_path, sets)
    run = _started(
        lambda: runs.fork(
            origin,
            int(step) if step else None,
            recipe,
            name=name or origin.info().name,
            manifest=manifest,
            processes=how.all_processes,
            begins=not how.is_elsewhere,
            queued=how.queued,
        )
    )
    _go_on(runs, run, how)


def _resume(runs: Runs, name: str, how: Beginning) -> None:
    run = runs.find(name)
    if run.status() == "finished":
        raise UserError(
            f"the run {run.path.name} is finished",
            "to train it longer: 'frieze train --fork RUN --set length.steps=N'",
        )
    if how.queued is not None:
        runs.queue.add(run, how.queued)
    elif not how.is_elsewhere:
        runs.restart(run, how.processes)
    elif run.status() == "running":
        raise UserError(f"the run {run.path.name} is already running", "follow it with 'frieze runs follow'")
    _go_on(runs, run, how)


def _go_on(runs: Runs, run: RunFolder, how: Beginning) -> None:
    if how.is_elsewhere:
        how.tell(runs, run)
    elif how.queued is not None:
        put_place(runs, run, how.as_json)
    elif not how.detach:
        tell_end(run, follow(run, as_json=how.as_json))
    elif how.as_json:
        report: RunStart = {
            "schema": "frieze/run-start/1",
            "run": run.path.name,
            "path": str(run.path.absolute()),
            "pid": run.worker_pid(),
            "begin": None,
        }
        put_json(report)
    else:
        put(str(run.path))
        for line in left(run).strip().splitlines():
            say(line)


app = single(train)
