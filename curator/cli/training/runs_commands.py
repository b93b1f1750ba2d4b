"""`frieze runs`: runs listed, followed and controlled (row B09)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, LimitOption, RunArgument
from curator.cli.options.places import runs_of
from curator.cli.shared.following import follow as follow_run
from curator.cli.shared.following import left, tell_end
from curator.cli.shared.output import put, put_json, put_json_rows, put_table, say, tell, warn
from curator.cli.shared.run_report import row_json, run_json, run_lines, upload_lines
from curator.cli.shared.typer_apps import noun
from curator.cli.training.fetch_run_command import fetch
from curator.cli.training.runs.compare_command import compare
from curator.cli.training.runs.export_command import export
from curator.cli.training.runs.losses_command import losses
from curator.cli.training.runs.queue_command import queue
from curator.cli.training.runs.upkeep_commands import delete, rename
from curator.cli.training.runs_judge_command import judge
from curator.cli.training.verify_resume_command import verify_resume
from curator.contract.errors import ExitCode, UserError, did_you_mean

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunState
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.runs import Runs

app = noun("List, show, follow, queue, compare and control runs.")

TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="S", min=0, help="Wait S seconds at most; default: until it is over."),
]


@app.command("list")
def list_all(
    *,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="Only these: new, queued, running, paused, suspended, finished, stopped, failed, crashed; repeatable.",
        ),
    ] = None,
    limit: LimitOption = 0,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first."""
    from curator.runs.words import loss_in_words

    wanted = _statuses(status)
    damaged: list[UserError] = []
    found = runs_of(collection).all(lambda _, why: damaged.append(why))
    for why in damaged:
        warn(f"passed over: {why.what}: {why.hint}")
    shown = [run for run in found if not wanted or run.status in wanted][: limit or None]
    if as_json:
        put_json_rows(map(row_json, shown))
        return
    rows = [
        (r.name, r.status, f"{r.step}/{r.total_steps or '?'}", loss_in_words(r.loss), r.created_at, r.failure or "")
        for r in shown
    ]  # fmt: skip
    put_table(rows, ("name", "status", "step", "loss", "made", "failure"))


def _statuses(words: list[str] | None) -> set[str]:
    """The words of `--status`, with commas or without."""
    from curator.runs.listing import STATUSES

    wanted = {word.strip() for given in words or () for word in given.split(",")}
    for word in wanted.difference(STATUSES):
        raise UserError(f"'{word}' is no status of a run", did_you_mean(word, STATUSES))
    return wanted


@app.command()
def show(run: RunArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Show one run: how far it is, how fast, what it wrote, and why it failed."""
    runs = runs_of(collection)
    found = runs.find(run)
    summary, view, uploads = runs.summary(found), runs.view(found), runs.uploads(found)
    if as_json:
        put_json(run_json(found, summary, view, uploads))
        return
    for line in run_lines(found.info(), summary, view):
        put(line)
    for line in upload_lines(uploads):
        put(line)


@app.command()
def wait(
    run: RunArgument,
    timeout: TimeoutOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait until a run is over. Ends with 0 if it finished, 3 if it failed or crashed, 4 if it was stopped.

    Ends with 1 where it is not over after --timeout.
    """
    runs = runs_of(collection)
    _wait(runs, runs.find(run), timeout, as_json=as_json)


def _wait(
    runs: Runs, run: RunFolder, timeout_s: float | None, action: str | None = None, *, as_json: bool
) -> None:
    try:
        view = runs.wait(run, timeout_s)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(left(run)) from None
    if as_json:
        _put_state(runs, run, action)
    if view is None:
        say(f"the run {run.path.name} is not over after {timeout_s:g} second{'' if timeout_s == 1 else 's'}")
        raise typer.Exit(ExitCode.NO)
    tell_end(run, view)


@app.command()
def follow(run: RunArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Watch a run; leaving never stops it. Ends as 'frieze runs wait' does.

    Where stdout is no terminal its course comes in lines; with --json every event, one a line, as docs/events.md
    has them.
    """
    followed = runs_of(collection).find(run)
    tell_end(followed, follow_run(followed, as_json=as_json))


@app.command()
def stop(
    run: RunArgument,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Come back when it is over.")] = False,
    timeout: TimeoutOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a run finish its step, keep its state and end.

    With --wait it ends with 0 when the run has stopped or finished, 3 if it failed, 1 after --timeout.
    """
    if timeout is not None and not wait:
        raise UserError("--timeout says how long to wait", "add --wait")
    asked = _request(run, "stop", collection, as_json=as_json and not wait, quiet=as_json)
    if wait:
        try:
            _wait(runs_of(collection), asked, timeout, "stop", as_json=as_json)
        except UserError as ending:
            if ending.code != ExitCode.RUN_STOPPED:
                raise
            say(ending.what)  # just what was asked for


@app.command()
def pause(
    run: RunArgument,
    *,
    free: Annotated[
        bool,
        typer.Option("--free", help="Have it save its state and end, so that its GPU and memory are free."),
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a run wait after its step, in memory; with --free it gives up the GPU, and goes on later from its state."""
    _request(run, "suspend" if free else "pause", collection, as_json=as_json)


@app.command()
def resume(run: RunArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Have a paused run go on. One paused with --free is started again, by the queue if it has a place there.

    One that was stopped or crashed goes on with 'frieze train --resume'.
    """
    _request(run, "resume", collection, as_json=as_json)


@app.command()
def save(run: RunArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Have a run write its weights after its step."""
    _request(run, "save", collection, as_json=as_json)


@app.command()
def sample(run: RunArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Have a run make its sample images after its step."""
    _request(run, "sample", collection, as_json=as_json)


app.command()(judge)
app.command("verify-resume")(verify_resume)
app.command()(queue)
app.command()(compare)
app.command()(losses)
app.command()(export)
app.command()(rename)
app.command()(delete)


def _request(
    name: str, action: str, collection: CollectionOption, *, as_json: bool, quiet: bool = False
) -> RunFolder:
    runs = runs_of(collection)
    run = runs.find(name)
    runs.request(run, action)
    if as_json:
        _put_state(runs, run, action)
    elif not quiet:
        tell(f"asked {run.path.name} to {action}; a run looks once a step")
    return run


def _put_state(runs: Runs, run: RunFolder, action: str | None) -> None:
    now = runs.summary(run)
    report: RunState = {
        "schema": "frieze/run-state/1",
        "run": now.name,
        "path": str(now.path.absolute()),
        "action": action,
        "status": now.status,
        "step": now.step,
        "total_steps": now.total_steps,
        "failure": now.failure,
    }
    put_json(report)


app.command()(fetch)
