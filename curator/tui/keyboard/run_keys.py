"""Keys of the Runs screen."""

from __future__ import annotations

from curator.tui.keyboard.keys import KeyAction

KEYS = (
    KeyAction("runs.pause", "p", "ask('pause')", "pause", "pause"),
    KeyAction("runs.resume", "r", "ask('resume')", "go on after a pause, a stop or a crash", "resume"),
    KeyAction("runs.suspend", "P", "suspend", "save its state and free the GPU; r goes on later"),
    KeyAction("runs.save", "s", "ask('save')", "save weights now", "save"),
    KeyAction("runs.sample", "S", "ask('sample')", "make samples now", "sample"),
    KeyAction("runs.stop", "x", "stop", "stop the run", "stop"),
    KeyAction("runs.pictures", "o", "pictures", "look at the samples, by prompt and step", "samples"),
    KeyAction("runs.plot", "z", "plot", "enlarge a plot, the next one, then all of them again", "plots"),
    KeyAction("runs.lay", "space", "lay", "lay its loss over those of other runs, or take it away"),
    KeyAction("runs.queue", "Q", "queue", "the queue: order, hold, take out", "queue"),
    KeyAction("runs.compare", "c", "compare", "compare it with another run", "compare"),
    KeyAction("runs.weights", "E", "weights", "copy its weights to a place of your own"),
    KeyAction("runs.report", "R", "report", "write a page about it, for any browser", "report"),
    KeyAction("runs.caches", "C", "caches", "caches of latents and captions: verify, prune", "caches"),
    KeyAction("runs.grids", "A", "grids", "grids: weights side by side, made, shown, judged blind", "grids"),
    KeyAction("runs.models", "M", "models", "models: merge, bake, compare, look into", "models"),
    KeyAction("runs.rename", "n", "rename", "give it another name"),
    KeyAction("runs.delete", "delete", "delete", "delete it, with all that it wrote"),
    KeyAction("runs.detach", "escape", "detach", "leave the dashboard; the run goes on", "detach"),
)
