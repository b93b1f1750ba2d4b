"""One run in lines for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from curator.cli.shared.output import counted
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.fold import RunView
    from curator.session.runs import RunSummary


def run_lines(summary: RunSummary, view: RunView) -> Iterator[str]:
    """What is known of a run, a line each, as `name  value`; what there is none of has no line."""
    facts = _facts(summary, view)
    width = max(map(len, facts))
    for name, value in facts.items():
        if value:
            yield f"{name:<{width}}  {visible(value)}"
    for checkpoint in view.checkpoints:
        yield f"{'weights':<{width}}  step {checkpoint.step}  {visible(str(summary.path / checkpoint.path))}"
    for warning in view.warnings:
        yield f"{'warning':<{width}}  {visible(warning.what)} ({visible(warning.hint)})"


def _facts(summary: RunSummary, view: RunView) -> dict[str, str]:
    from curator.runs.words import (
        bytes_in_words,
        evaluation_in_words,
        loss_in_words,
        lr_in_words,
        rate_in_words,
        seconds_in_words,
    )

    failure = f"{view.failure.what} ({view.failure.hint})" if view.failure and summary.failure else ""
    total = summary.total_steps or "?"
    return {
        "name": summary.name,
        "status": summary.status,
        "failure": failure,
        "step": f"{view.step}/{total}, epoch {view.epoch}/{view.total_epochs or '?'}",
        "loss": f"{loss_in_words(view.loss)}, smoothed {loss_in_words(view.smoothed_loss)}",
        "fixed noise": evaluation_in_words(view),
        "learning rate": lr_in_words(view.lr) if view.lr else "",
        "speed": rate_in_words(view.it_per_s, "it", "it") if view.it_per_s else "",
        "left": seconds_in_words(view.eta_s) if summary.is_alive and view.eta_s is not None else "",
        "memory": bytes_in_words(view.memory_bytes) if view.memory_bytes else "",
        "samples": counted(len(view.samples)) if view.samples else "",
        "left out": counted(view.quarantine_count) if view.quarantined else "",
        "damaged": f"{counted(view.damaged_lines, 'line')} of the event log" if view.damaged_lines else "",
        "device": view.device,
        "process": str(summary.pid or ""),
        "made": summary.created_at,
        "manifest": summary.manifest,
        "folder": str(summary.path),
        "log": str(summary.log),
    }


def run_json(run: RunFolder, view: RunView) -> dict[str, Any]:
    """What the events of a run tell beside its line in the list. Paths are absolute, times in seconds."""
    folder = run.path.absolute()
    return {
        "recipe": str(run.recipe_path.absolute()),
        "device": view.device or None,
        "processes": view.processes,
        "phase": view.phase or None,
        "epoch": view.epoch,
        "total_epochs": view.total_epochs,
        "smoothed_loss": view.smoothed_loss,
        "lr": dict(view.lr),
        "it_per_s": view.it_per_s,
        "images_per_s": view.images_per_s,
        "seconds_left": view.eta_s if view.status == "running" else None,
        "memory_bytes": view.memory_bytes,
        "asked": list(view.pending),
        "hint": view.failure.hint if view.failure and view.status == "failed" else None,
        "evaluations": [{"step": step, "loss": loss} for step, loss in view.evaluations],
        "checkpoints": [{**asdict(each), "path": str(folder / each.path)} for each in view.checkpoints],
        "samples": [{**asdict(each), "path": str(folder / each.path)} for each in view.samples],
        "warnings": [asdict(each) for each in view.warnings],
        "left_out": [asdict(each) for each in view.quarantined],
        "damaged_lines": view.damaged_lines,
    }
