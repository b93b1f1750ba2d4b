"""`frieze doctor`: what Frieze works with on this machine, and a hint for each gap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import collection_folder, enclosing_collection
from curator.cli.shared.output import put, put_json, tell
from curator.cli.shared.typer_apps import single
from curator.contract.errors import ExitCode
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.collection import DoctorReport
    from curator.doctor.finding import Checked


def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not start PyTorch, which takes seconds to tell what it sees.")
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at terminal, GPU, packages, disk, permissions and the collection; say what is amiss, and what to do.

    Nothing is changed, the terminal is asked nothing, and no token is read. A gap is something one can do without.
    Ends with 1 where something that is needed is broken.
    """
    from curator.session.doctor import look_around

    folder = collection_folder(collection) if collection else enclosing_collection(Path.cwd())
    checks = look_around(folder, quick=quick)
    faults = sum(each.verdict == "fault" for each in checks)
    if as_json:
        about: DoctorReport = {
            "schema": "frieze/doctor/1",
            "sound": not faults,
            "checks": [each._asdict() for each in checks],  # pyright: ignore[reportAssignmentType]
        }
        put_json(about)
    else:
        _put(checks, faults)
    if faults:
        raise typer.Exit(ExitCode.NO)


def _put(checks: Sequence[Checked], faults: int) -> None:
    part = ""
    for each in checks:
        if each.part != part:
            part = each.part
            put(part)
        put(f"  {each.verdict:<5}  {each.name}: {each.found}")
        if each.hint:
            put(f"         -> {each.hint}")
    gaps = sum(each.verdict == "gap" for each in checks)
    broken = f"{counted(faults, 'thing is', 'things are')} broken" if faults else "nothing is broken"
    tell(f"{broken}; {counted(gaps, 'gap')} one can do without")


app = single(doctor)
