"""Other words by which people look for what a key does; found in the lists of keys and commands, never shown."""

from __future__ import annotations

_SAME: dict[str, str] = {
    "app.browse": "home list images pictures gallery view",
    "app.subsets": "concepts repeats buckets resolution dataset folders",
    "app.captions": "preview prompts tokens dropout shuffle",
    "app.freeze": "manifest dataset export snapshot version check lint diff",
    "app.train": "recipe finetune lora launch start learning rate",
    "app.runs": "trainings dashboard loss tensorboard monitor progress",
    "app.history": "log journal changes undo revert",
    "app.prepare": "import kohya booru export rules quality rating year clean order sample pick relations groups",
    "app.tagging": "wd14 tagger autotag interrogate model proposals",
    "app.tags": "rename merge alias class implications groups vocabulary dictionary",
    "app.undo": "revert back mistake restore",
    "app.redo": "again repeat",
    "app.scan": "add import index folder files sidecar sidecars txt caption open",
    "app.rescan": "refresh reload update sync sidecar sidecars index",
    "app.theme": "colours colors colour color scheme dark light background contrast style look",
    "app.suspend": "shell background terminal",
    "app.quit": "exit leave close",
    "app.palette": "search find menu help",
    "app.help": "shortcuts bindings search find",
    "browse.filter": "search find query select where",
    "browse.add": "tag label annotate append",
    "browse.remove": "untag delete drop label",
    "browse.rename": "merge replace tag",
    "browse.caption": "describe text edit sidecar write",
    "browse.keep": "cull accept good rate pick star favourite",
    "browse.reject": "cull discard delete bad remove hide",
    "browse.unmark": "cull clear reset rating",
    "browse.crop": "bucket box frame cut",
    "browse.preview": "picture thumbnail show hide",
    "browse.facets": "statistics count histogram tags common",
    "browse.sort": "order rank",
    "browse.jump": "goto go number",
    "browse.saved": "bookmark favourites smart folder load",
    "browse.save": "bookmark keep smart folder",
    "browse.captions": "prompt preview trained",
    "browse.copies": "duplicates dupes similar near identical",
    "browse.quarantine": "broken errors unreadable corrupt damaged bad files",
    "images.toggle": "mark choose pick",
    "subsets.add": "new concept create",
    "subsets.rule": "resolution aspect ratio size",
    "subsets.balance": "equal share weights repeats",
    "freeze.name": "export manifest write save version",
    "freeze.check": "lint validate problems",
    "freeze.diff": "compare changes version",
    "prepare.import": "kohya everydream booru export sidecar json multiply dataset",
    "prepare.pick": "sample subset random split cull",
    "prepare.table": "rules configure settings groups",
}


def synonyms_of(action: str) -> str:
    """Words that also name an action, with spaces between."""
    return _SAME.get(action, "")
