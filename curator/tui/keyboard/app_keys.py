"""Keys that work on every screen."""

from __future__ import annotations

from curator.tui.keyboard.keys import KeyAction

KEYS = (
    KeyAction("app.browse", "1", "go('browse')", "Browse: images, tags, filter"),
    KeyAction("app.subsets", "2", "go('subsets')", "Subsets & buckets: repeats, shares, steps"),
    KeyAction("app.captions", "3", "go('captions')", "Captions: what each step will train on"),
    KeyAction("app.freeze", "4", "go('freeze')", "Freeze: checks, then the manifest"),
    KeyAction("app.train", "5", "go('train')", "Train: recipe, launch"),
    KeyAction("app.runs", "6", "go('runs')", "Runs: dashboards"),
    KeyAction("app.history", "7", "go('history')", "History of edits"),
    KeyAction("app.prepare", "8", "go('prepare')", "Prepare: import, pick, derive, clean, order"),
    KeyAction("app.tagging", "9", "go('tagging')", "Tagging: jobs of tag models, their proposals"),
    KeyAction("app.tags", "0", "go('tags')", "Tags: all tags, their classes and other words"),
    KeyAction("app.undo", "u", "undo", "undo the last edit", "undo"),
    KeyAction("app.redo", "ctrl+r", "redo", "redo the edit last undone"),
    KeyAction("app.scan", "ctrl+o", "scan", "scan a folder for images"),
    KeyAction("app.rescan", "f5", "rescan", "scan all known folders again"),
    KeyAction("app.theme", "f3", "theme", "theme: dark, light, the terminal's own colours"),
    KeyAction("app.pictures", "f4", "pictures", "how images are shown: pixels, characters, not at all"),
    KeyAction("app.suspend", "ctrl+z", "suspend_process", "suspend to the shell"),
    KeyAction("app.quit", "q", "quit", "quit (runs go on)", "quit"),
    KeyAction("app.palette", "colon,ctrl+p", "palette", "all commands, type to find", "commands"),
    KeyAction("app.help", "question_mark,f1", "key_help", "keys of this panel", "keys"),
)
