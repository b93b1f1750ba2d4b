"""A run's other name: its folder's, and that of the weights it will write."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from curator.contract.errors import UserError
from curator.contract.run.run_folder import RunFolder

_DATE = re.compile(r"\d{4}-\d\d-\d\d-")


def rename_run(run: RunFolder, name: str) -> RunFolder:
    """Give a run another name, and its folder with it; the date stays, and so do names of weights there are.

    Gives the new folder. Killed in between, the folder has the new name and the run still the old one.

    Raises:
        UserError: it lives, the name is no folder name or is taken, or the folder cannot be written to.
    """
    try:
        info = replace(run.info(), name=name)
    except ValueError as error:
        raise UserError(f"'{name}' cannot name a run", "use letters, digits, '-', '_' and '.'") from error
    date = _DATE.match(run.path.name)
    renamed = RunFolder(run.path.with_name((date[0] if date else "") + name))
    if run.status() == "running":
        raise UserError(f"the run {run.path.name} lives", "stop it first with 'frieze runs stop --wait'")
    if os.path.lexists(renamed.path):
        raise UserError(f"there is a folder {renamed.path.name} already", "choose another name")
    with run.resting():
        try:
            run.path.rename(renamed.path)
        except OSError as error:
            raise UserError(
                f"the run {run.path.name} cannot be renamed: {error.strerror}", "check rights"
            ) from error
        renamed.write_info(info)
    return renamed
