"""`frieze completion`: the script that has a shell complete commands, tags, runs and names."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from curator.cli.completion.shells import SCRIPTS
from curator.cli.shared.output import put_text
from curator.cli.shared.typer_apps import single


def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"],
        typer.Argument(metavar="bash|zsh|fish", help="The shell to complete in."),
    ],
) -> None:
    """Print the script that completes commands, options, tags, filters, runs and names in a shell.

    Keep it where the shell looks, and open a new one.
    """
    put_text(SCRIPTS[shell].rstrip())


app = single(completion)
