"""`frieze runs delete` and `frieze runs rename`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, RunArgument
from curator.cli.options.places import runs_of
from curator.cli.shared.output import put, put_json, say, tell
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted, visible

if TYPE_CHECKING:
    from curator.cli.schemas.managed_runs import RunDeletion, RunName
    from curator.session.training.runs import Belongings


def delete(
    run: RunArgument,
    *,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Leave the folder with the weights, and nothing else.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a run for good, with its states, samples and weights; one that lives is refused. It cannot be undone."""
    runs = runs_of(collection)
    found = runs.find(run)
    name = found.path.name
    held = runs.belongings(found)
    lost = lost_in_words(held, keep_weights=keep_weights)
    if not (dry_run or yes):
        _ask(name, lost)
    if not dry_run:
        runs.delete(found, keep_weights=keep_weights)
    if as_json:
        report: RunDeletion = {
            "schema": "frieze/run-deletion/1",
            "run": name,
            "path": str(found.path.absolute()),
            "deleted": not dry_run,
            "weights_kept": held.weights if keep_weights else 0,
            "weights_files": held.weights,
            "states_saved": held.states,
            "sample_images": held.samples,
            "bytes": held.all_bytes - (held.weights_bytes if keep_weights else 0),
        }
        put_json(report)
    elif dry_run:
        put(f"{name} would lose {lost}")
    else:
        tell(f"{name} is deleted: {lost}")


def lost_in_words(held: Belongings, *, keep_weights: bool) -> str:
    """What a deletion takes away."""
    from curator.runs.words import bytes_in_words

    parts = [counted(held.states, "saved state"), counted(held.samples, "sample")]
    if keep_weights:
        size = held.all_bytes - held.weights_bytes
    else:
        parts.insert(0, f"{counted(held.weights, 'file')} of weights")
        size = held.all_bytes
    return f"{', '.join(parts)}; {bytes_in_words(size)}"


def _ask(name: str, lost: str) -> None:
    if not sys.stdin.isatty():
        raise UserError(f"this would delete the run {name}: {lost}", "add --yes, or --dry-run to look first")
    if not typer.confirm(f"Delete the run {visible(name)}: {lost}?", err=True):
        say("nothing was deleted")
        raise typer.Exit(ExitCode.NO)


def rename(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name, without a date.")],
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a run that does not live another name, and its folder with it; weights there are keep theirs."""
    runs = runs_of(collection)
    found = runs.find(run)
    renamed = runs.rename(found, name)
    if as_json:
        report: RunName = {
            "schema": "frieze/run-name/1",
            "before": found.path.name,
            "run": renamed.path.name,
            "path": str(renamed.path.absolute()),
        }
        put_json(report)
        return
    tell(f"{found.path.name} is {renamed.path.name} now")
