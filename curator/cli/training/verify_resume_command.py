"""`frieze runs verify-resume`: steps of a run trained once more, and compared with what is on record (row B01)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import runs_of
from curator.cli.shared.output import progress_shown, put, put_json
from curator.contract.errors import ExitCode
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.runs import ReplayReport


def verify_resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run that is over, or its folder.")],
    *,
    first: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="STEP",
            min=0,
            help="Begin at its saved state of this step; default: the one before the newest.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            min=1,
            help="Train N steps; default: up to the next saved state, or 10.",
        ),
    ] = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train some steps of a run once more from a saved state: do they come out the same, bit for bit?

    Losses, gradient norms and saved states on record are compared. Where no state was saved later, the steps are
    trained twice: once without a stop, once stopped and resumed in between. Nothing of the run is changed. Ends with 1
    where something differs.
    """
    runs = runs_of(collection)
    found = runs.find(run)
    with progress_shown("replay", "steps") as show:
        report = runs.replay(found, first, steps, show)
    is_equal = report["first_difference"] is None
    if as_json:
        about = {"schema": "frieze/run-replay/1", "run": found.path.name, "equal": is_equal, **report}
        put_json(cast("ReplayReport", about))
    else:
        _put(report)
    if not is_equal:
        raise typer.Exit(ExitCode.NO)


def _put(report: dict[str, Any]) -> None:
    first, last = report["from_step"] + 1, report["to_step"]
    put(f"trained step{f' {first:,}' if first == last else f's {first:,} to {last:,}'} once more")
    norms = "gradient norm" if report["losses"] == 1 else "gradient norms"
    compared = [f"{counted(report['losses'], 'loss', 'losses')} and {norms}"] if report["losses"] else []
    if report["resumed_at"]:
        compared.append(f"{counted(report['tensors'], 'tensor')} with those of a second time, resumed at step"
                        f" {report['resumed_at']:,}")  # fmt: skip
    elif report["states"]:
        at = ", ".join(f"{step:,}" for step in report["states"])
        which = "state of step" if len(report["states"]) == 1 else "states of steps"
        compared.append(f"{counted(report['tensors'], 'tensor')} with the saved {which} {at}")
    put(f"compared {', '.join(compared)}" if compared else "nothing is on record to compare them with")
    difference = report["first_difference"]
    if difference is None:
        put("equal, bit for bit")
    else:
        put(f"differs first after step {difference['step']:,}: {difference['what']}")
