"""`frieze runs`: runs listed, followed and controlled (row B09)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from curator.cli.shared.following import follow as follow_run
from curator.cli.shared.following import tell_end
from curator.cli.shared.options import CollectionOption, JsonOption
from curator.cli.shared.output import put, put_json_rows, put_table, say
from curator.cli.shared.places import runs_of
from curator.cli.shared.typer_apps import noun
from curator.contract.errors import UserError
from curator.contract.text import visible

app = noun("List, follow and control runs.")

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Name of the run, the beginning of one, or its folder.")
]


@app.command("list")
def list_all(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """List the runs, newest first."""
    from curator.runs.words import loss_in_words

    damaged: list[UserError] = []
    found = runs_of(collection).all(lambda _, why: damaged.append(why))
    for why in damaged:
        say(f"passed over: {visible(why.what)}: {visible(why.hint)}")
    if as_json:
        put_json_rows({**asdict(each), "path": str(each.path)} for each in found)
        return
    rows = [
        (r.name, r.status, f"{r.step}/{r.total_steps or '?'}", loss_in_words(r.loss), r.created_at)
        for r in found
    ]
    put_table(rows, ("name", "status", "step", "loss", "made"))


@app.command()
def follow(run: RunArgument, collection: CollectionOption = None) -> None:
    """Watch a run; leaving never stops it."""
    followed = runs_of(collection).find(run)
    tell_end(followed, follow_run(followed))


@app.command()
def stop(run: RunArgument, collection: CollectionOption = None) -> None:
    """Have a run finish its step, keep its state and end."""
    _request(run, "stop", collection)


@app.command()
def pause(run: RunArgument, collection: CollectionOption = None) -> None:
    """Have a run wait after its step."""
    _request(run, "pause", collection)


@app.command()
def resume(run: RunArgument, collection: CollectionOption = None) -> None:
    """Have a paused run go on; one that ended goes on with 'frieze train --resume'."""
    _request(run, "resume", collection)


@app.command()
def save(run: RunArgument, collection: CollectionOption = None) -> None:
    """Have a run write its weights after its step."""
    _request(run, "save", collection)


@app.command()
def sample(run: RunArgument, collection: CollectionOption = None) -> None:
    """Have a run make its sample images after its step."""
    _request(run, "sample", collection)


def _request(name: str, action: str, collection: CollectionOption) -> None:
    runs = runs_of(collection)
    run = runs.find(name)
    runs.request(run, action)
    put(f"asked {visible(run.path.name)} to {action}; it looks once a step")
