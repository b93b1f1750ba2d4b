"""One run in lines for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.cli.schemas.words import iso_time
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunReport, RunRow
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.fold import RunView
    from curator.session.training.runs import RunSummary


def run_lines(summary: RunSummary, view: RunView) -> Iterator[str]:
    """What is known of a run, a line each, as `name  value`; what there is none of has no line."""
    facts = _facts(summary, view)
    width = max(map(len, facts))
    for name, value in facts.items():
        if value:
            yield f"{name:<{width}}  {value}"
    for checkpoint in view.checkpoints:
        yield f"{'weights':<{width}}  step {checkpoint.step}  {summary.path / checkpoint.path}"
    for warning in view.warnings:
        yield f"{'warning':<{width}}  {warning.what} ({warning.hint})"


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


def row_json(run: RunSummary) -> RunRow:
    """A run's line in the list. Paths are absolute."""
    return {
        "name": run.name,
        "path": str(run.path.absolute()),
        "status": run.status,
        "step": run.step,
        "total_steps": run.total_steps,
        "loss": run.loss,
        "created_at": run.created_at,
        "manifest": run.manifest,
        "failure": run.failure,
        "pid": run.pid,
        "log": str(run.log.absolute()),
        "weights": str(run.weights.absolute()) if run.weights else None,
    }


def run_json(run: RunFolder, summary: RunSummary, view: RunView) -> RunReport:
    """All that a run tells. Paths are absolute, times in seconds."""
    folder = run.path.absolute()
    return {
        "schema": "frieze/run/1",
        **row_json(summary),
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
        "checkpoints": [
            {
                "created_at": iso_time(each.at),
                "at": each.at,
                "step": each.step,
                "path": str(folder / each.path),
                "sha256": each.sha256,
            }
            for each in view.checkpoints
        ],
        "samples": [
            {
                "created_at": iso_time(each.at),
                "at": each.at,
                "step": each.step,
                "path": str(folder / each.path),
                "prompt": each.prompt,
                "seed": each.seed,
            }
            for each in view.samples
        ],
        "warnings": [
            {"created_at": iso_time(each.at), "at": each.at, "what": each.what, "hint": each.hint}
            for each in view.warnings
        ],
        "left_out": [
            {"created_at": iso_time(each.at), "at": each.at, "path": each.path, "reason": each.reason}
            for each in view.quarantined
        ],
        "damaged_lines": view.damaged_lines,
    }
