"""The table of commands. Only the chosen command's file is imported, and help imports none."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from curator.cli.shared.boundary import end_at_once, exit_code_of
from curator.contract.errors import UserError, did_you_mean, nearest
from curator.contract.exit_codes import ExitCode

COMPLETES = "_FRIEZE_COMPLETE"  # set by the scripts of `frieze completion` to the shell that asks


class Command(NamedTuple):
    """A word of the command line: the file that has its Typer app, the app's name there, and one line of help."""

    module: str
    help: str
    app: str = "app"


COMMANDS = {
    "scan": Command("scan_command", "Index the images below a folder."),
    "quarantine": Command("quarantine_command", "List the files a scan could not use; read them again."),
    "import": Command("import_command", "Bring in data of other tools, with a plan first."),
    "ls": Command("ls_command", "List images."),
    "tag": Command("tag_commands", "Add, remove, rename, derive, clean and order tags; write sidecars."),
    "pick": Command("pick_command", "Pick images by range, date, order, split and caps."),
    "dupes": Command("dupes_command", "List copies of images; keep the best of each group."),
    "facets": Command("facets_command", "List the tags most common among some images."),
    "filter": Command("filter_commands", "List, save and remove filters under a name."),
    "mark": Command("mark_command", "Keep or reject images."),
    "undo": Command("history_commands", "Take changes back.", "undo_app"),
    "redo": Command("history_commands", "Make the change taken back last again.", "redo_app"),
    "history": Command("history_commands", "List the changes.", "history_app"),
    "stats": Command("stats_command", "Count what the collection holds."),
    "verify": Command("verify_command", "Check the index, or rebuild what is derived in it."),
    "subset": Command("subset_commands", "List, add, change, balance and remove subsets."),
    "buckets": Command("buckets_command", "Show which size each image is trained at."),
    "captions": Command("captions_command", "Show captions as they will be trained."),
    "explain": Command("explain_command", "Tell why an image would be trained or not, and how."),
    "freeze": Command("freeze_command", "Freeze the subsets into a manifest."),
    "manifest": Command("manifest_commands", "List, show, verify, compare, export and import manifests."),
    "export": Command("export_command", "Write the collection for other programs."),
    "recipe": Command("recipe_commands", "List, show and check recipes; list their keys."),
    "adapter": Command("adapter_commands", "Tell what an adapter would hold before it is trained."),
    "models": Command("models_commands", "List and show models that tag, score or caption images."),
    "propose": Command("propose_command", "Ask a model for tags, a score or a caption of images."),
    "proposals": Command("proposals_command", "Print what a model proposes, at any threshold."),
    "jobs": Command("jobs_commands", "List, follow, stop and resume jobs of tag models."),
    "train": Command("train_command", "Train on a manifest, or resume a run."),
    "runs": Command("runs_commands", "List, follow and control runs."),
    "sample": Command("sample_command", "Render sample images from saved weights."),
    "batch": Command("batch_command", "Do commands read from stdin, in one process."),
    "completion": Command(
        "completion.command", "Print what completes commands, tags and names in your shell."
    ),
    "demo": Command("demo.command", "Walk the whole way on a small collection and a tiny model."),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of `frieze`: never returns, exits with the command's code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = exit_code_of(lambda: dispatch(given))
    except KeyboardInterrupt:  # once more, while the first was told
        code = ExitCode.INTERRUPTED
    if code == ExitCode.INTERRUPTED:
        end_at_once(code)
    sys.exit(code)


def dispatch(arguments: list[str]) -> int:
    """Do what a command line says; gives the exit code.

    Raises:
        UserError: no such command or folder, or what the command refuses.
    """
    if shell := os.environ.get(COMPLETES):
        return _complete(shell)
    word = arguments[0] if arguments else ""
    if word == "help" and len(arguments) > 1:
        return _help_about(arguments[1:])
    if word in ("--help", "-h", "help"):
        sys.stdout.write(help_text())
        return 0
    if word == "--version":
        return _show_version()
    if word in COMMANDS:
        from curator.cli.shared.typer_apps import run_app

        command = COMMANDS[word]
        return run_app(f"curator.cli.{command.module}", command.app, word, arguments[1:])
    from curator.cli.app_command import open_app

    _check_folder(arguments)
    return open_app(word)


def _complete(shell: str) -> int:
    """Answer a shell that completes a word; whatever is wrong, it is told nothing."""
    from curator.cli.completion.shells import answer

    sys.stdout.write(answer(shell))
    return 0


def _help_about(words: list[str]) -> int:
    """What `frieze help tag add` says: the same as `frieze tag add --help`; of `--man`, the man page."""
    if words == ["--man"]:
        from curator.cli.man_page import page

        sys.stdout.write(page())
        return 0
    if words[0] not in COMMANDS:
        raise UserError(f"there is no command '{words[0]}'", did_you_mean(words[0], COMMANDS))
    return dispatch([*words, "--help"])


def help_text() -> str:
    """What `frieze --help` says."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: frieze [DIR]                 open the app on the collection in DIR, or the one you stand in",
            "       frieze COMMAND [ARGUMENTS]   'frieze help COMMAND' says more, with examples",
            "",
            "Curate an image collection, freeze it, and train Stable Diffusion on exactly that.",
            "",
            "Commands:",
            *lines,
            "",
            "Options: --help, --version; 'frieze help --man' prints the man page",
            "",
        ]
    )


def _show_version() -> int:
    from importlib.metadata import version

    sys.stdout.write(f"frieze {version('frieze')}\n")
    return 0


def _check_folder(arguments: list[str]) -> None:
    """Whether the words can be the folder to open the app on."""
    from pathlib import Path

    word = arguments[0] if arguments else "."
    if word.startswith("-"):
        raise UserError(f"there is no option '{word}' before a command", "see 'frieze --help'")
    if not Path(word).is_dir():
        hint = did_you_mean(word, COMMANDS) if nearest(word, COMMANDS) else "see 'frieze --help'"
        raise UserError(f"there is no command or folder '{word}'", hint)
    if len(arguments) > 1:
        raise UserError(f"the app takes one folder, not {len(arguments)}", "see 'frieze --help'")
