"""`frieze chain`: the steps of one file, each an ordinary command, run in order and gone on with (S094)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import JsonOption
from curator.cli.shared.output import is_quiet, put, put_json, put_table, say, tell
from curator.cli.shared.typer_apps import single
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.training import ChainReport
    from curator.session.training.chains import ChainRun, Event, PlannedStep


def chain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The chain's TOML file, with [[steps]].")],
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say which steps are done, which would be run, and why.")
    ] = False,
    until: Annotated[
        str, typer.Option("--until", metavar="STEP", help="Stop after this step; default: run to the end.")
    ] = "",
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=TEXT", help="Change one of the file's values; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the steps of a file that are not done yet; those that changed, and what builds on them, are run again."""
    from curator.session.training.chains import ChainRun

    run = ChainRun(file, sets or ())
    if plan:
        _put_plan(run, as_json=as_json)
        return
    shown = say if as_json else _put_line
    count = run.run(_tell_step, shown, until)
    if as_json:
        put_json(_report(run, count))
    else:
        tell(f"{run.chain.title}: {counted(count, 'step')} run, the others were done")


app = single(chain)


def _put_line(text: str) -> None:
    """A line of a step's output, with the tabs between its cells."""
    if not is_quiet():
        put(*text.split("\t"))


def _tell_step(now: PlannedStep, what: Event) -> None:
    from curator.session.training.chains import ChainRun

    if what == "again":
        say(f"{now.step.name} will be run again: {now.why}")
    elif what == "done":
        say(f"{now.step.name}: done before")
    else:
        why = f" ({now.why})" if now.why else ""
        say(f"{now.step.name}{why}: {ChainRun.shown(now)}")


def _put_plan(run: ChainRun, *, as_json: bool) -> None:
    if as_json:
        put_json(_report(run, 0))
        return
    put_table(
        ((now.step.name, now.status, now.why, run.shown(now)) for now in run.plan()),
        ("step", "status", "why", "command"),
    )
    if missing := run.missing():
        say(
            f"not there yet: {', '.join(missing)}; put them into {run.chain.folder}, or give their places with --set"
        )


def _report(run: ChainRun, count: int) -> ChainReport:
    return {
        "schema": "frieze/chain/1",
        "chain": run.chain.name,
        "title": run.chain.title,
        "steps_run": count,
        "chain_steps": [
            {
                "step_name": now.step.name,
                "about": now.step.about,
                "command": run.shown(now),
                "step_status": now.status,
                "why": now.why,
            }
            for now in run.plan()
        ],
    }
