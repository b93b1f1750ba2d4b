"""The commands by the word that calls each: which file has it, and one line of help."""

from __future__ import annotations

from typing import NamedTuple

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
    "model": Command("model_commands", "Merge, mend, inspect and compare model files."),
    "models": Command("models_commands", "List, show and fetch models that tag, score or caption images."),
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
