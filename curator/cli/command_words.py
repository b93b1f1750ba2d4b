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
    "scan": Command("images.scan_command", "Index the images below a folder."),
    "quarantine": Command(
        "images.quarantine_command", "List the files a scan could not use; read them again."
    ),
    "import": Command("images.import_command", "Bring in data of other tools, with a plan first."),
    "ls": Command("images.ls_command", "List images."),
    "tag": Command(
        "tagging.tag_commands", "Add, remove, rename, class, derive, clean and order tags; write sidecars."
    ),
    "pick": Command("images.pick_command", "Pick images by range, date, order, split and caps."),
    "dupes": Command("images.dupes_command", "List copies of images; keep the best of each group."),
    "facets": Command("images.facets_command", "List the tags most common among some images."),
    "filter": Command("images.filter_commands", "List, save and remove filters under a name."),
    "mark": Command("images.mark_command", "Keep or reject images."),
    "undo": Command("images.history_commands", "Take changes back.", "undo_app"),
    "redo": Command("images.history_commands", "Make the change taken back last again.", "redo_app"),
    "history": Command("images.history_commands", "List the changes.", "history_app"),
    "stats": Command("images.stats_command", "Count what the collection holds."),
    "doctor": Command(
        "doctor_command", "Look at terminal, GPU, packages, disk and collection; say what is amiss."
    ),
    "verify": Command("images.verify_command", "Check the index, or rebuild what is derived in it."),
    "subset": Command("training.subsets.subset_commands", "List, add, change, balance and remove subsets."),
    "buckets": Command("training.buckets_command", "Show which size each image is trained at."),
    "captions": Command("training.captions_command", "Show captions as they will be trained."),
    "explain": Command("images.explain_command", "Tell why an image would be trained or not, and how."),
    "freeze": Command("training.freeze_command", "Freeze the subsets into a manifest."),
    "manifest": Command(
        "training.manifest_commands", "List, show, verify, compare, export and import manifests."
    ),
    "cache": Command(
        "training.cache_commands", "List, verify, prune and export latents and captions encoded once."
    ),
    "export": Command("images.export_command", "Write the collection for other programs."),
    "recipe": Command("training.recipe_commands", "List, show and check recipes; list their keys."),
    "adapter": Command("models.adapter_commands", "Tell what an adapter would hold before it is trained."),
    "model": Command("models.model_commands", "Merge, mend, inspect and compare model files."),
    "publish": Command("models.publish_command", "Publish a run or a model on the Hugging Face hub."),
    "models": Command(
        "tagging.models_commands", "List, show and fetch models that tag, score or caption images."
    ),
    "propose": Command("tagging.propose_command", "Ask a model for tags, a score or a caption of images."),
    "proposals": Command("tagging.proposals_command", "Print what a model proposes, at any threshold."),
    "jobs": Command("tagging.jobs_commands", "List, follow, stop and resume jobs of tag models."),
    "train": Command("training.train_command", "Train on a manifest, or resume a run."),
    "runs": Command("training.runs_commands", "List, follow and control runs."),
    "report": Command(
        "training.report_command", "Write one HTML page about a run or a manifest, for a browser or a phone."
    ),
    "sample": Command("training.sample_command", "Render sample images from saved weights."),
    "grid": Command(
        "models.grid_commands", "Make images of saved weights side by side; show, judge and choose."
    ),
    "chain": Command(
        "training.chain_command", "Run the steps of one file in order, and go on where it stopped."
    ),
    "batch": Command("images.batch_command", "Do commands read from stdin, in one process."),
    "completion": Command(
        "completion.command", "Print what completes commands, tags and names in your shell."
    ),
    "demo": Command("demo.command", "Walk the whole way on a small collection and a tiny model."),
}
