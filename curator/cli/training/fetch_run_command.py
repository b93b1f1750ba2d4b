"""`frieze runs fetch`: a run made of a state on the Hugging Face hub, to be resumed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import manifests_of, runs_of
from curator.cli.shared.output import progress_shown, put_json, say, tell
from curator.contract.errors import UserError
from curator.publish.choices import MAIN

if TYPE_CHECKING:
    from curator.cli.schemas.publishing import FetchedRun


def fetch(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Repository of the hub.")],
    *,
    revision: Annotated[
        str, typer.Option("--revision", metavar="BRANCH", help="Branch or commit of the repository.")
    ] = MAIN,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="M", help="Where the base model is here; default: where it was."),
    ] = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the state that 'frieze publish --with-state' uploaded, checked against its hashes, as a run to resume.

    Its manifest is found by digest among those of the collection. A fetch that broke off goes on where it was.
    """
    from curator.session.training.publishing import fetch_state

    runs, manifests = runs_of(collection), manifests_of(collection)
    try:
        with progress_shown("fetch", "bytes") as show:
            found = fetch_state(repo, revision, runs.folder, manifests.folder, show, model=_model_path(model))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"\nwhat has come is kept; go on with: frieze runs fetch {repo}") from None
    name = found.run.path.name
    if as_json:
        report: FetchedRun = {
            "schema": "frieze/run-fetch/1",
            "run": name,
            "path": str(found.run.path.absolute()),
            "repo": repo,
            "revision": revision,
            "step": found.step,
            "doubts": found.doubts,
        }
        put_json(report)
        return
    for doubt in found.doubts:
        say(doubt)
    tell(f"{name}: state after step {found.step:,}")
    say(f"go on with: frieze train --resume {name}")


def _model_path(given: str | None) -> str:
    from pathlib import Path

    if given is None:
        return ""
    path = Path(given).expanduser()
    if not path.exists():
        raise UserError(f"there is no model at {given}", "give a diffusers folder or a .safetensors file")
    return str(path.absolute())
