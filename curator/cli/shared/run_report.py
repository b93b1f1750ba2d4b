"""One run in lines for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from curator.contract.clock import iso_time
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunReport, RunRow
    from curator.contract.run.run_folder import RunFolder, RunInfo
    from curator.runs.fold import RunView
    from curator.session.training.runs import RunSummary


def run_lines(info: RunInfo, summary: RunSummary, view: RunView) -> Iterator[str]:
    """What is known of a run, a line each, as `name  value`; what there is none of has no line."""
    facts = _facts(info, summary, view)
    width = max(map(len, facts))
    for name, value in facts.items():
        if value:
            yield f"{name:<{width}}  {value}"
    for checkpoint in view.checkpoints:
        yield f"{'weights':<{width}}  step {checkpoint.step}  {summary.path / checkpoint.path}"
    for warning in view.warnings:
        yield f"{'warning':<{width}}  {warning.what} ({warning.hint})"


def upload_lines(uploads: Sequence[RunView]) -> Iterator[str]:
    """What became of uploads to the hub, a line each."""
    for view in uploads:
        for each in view.uploads:
            yield f"uploaded  {each.path} to {each.repo}: {each.address}"
        for warning in view.warnings:
            yield f"upload    {warning.what} ({warning.hint})"
        if view.failure is not None:
            yield f"upload    {view.failure.what} ({view.failure.hint})"
        elif view.status == "running":
            yield f"upload    to {view.device} is at work"
        elif view.status == "crashed":
            yield f"upload    to {view.device} crashed: publish again"


def _facts(info: RunInfo, summary: RunSummary, view: RunView) -> dict[str, str]:
    from curator.runs.words import (
        bands_in_words,
        bytes_in_words,
        evaluation_in_words,
        loss_in_words,
        lr_in_words,
        rate_in_words,
        seconds_in_words,
        validation_in_words,
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
        "validation": validation_in_words(view),
        "by noise": bands_in_words(view.validations[-1].bands) if view.validations else "",
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
        "forked from": f"{info.forked_from} at step {info.from_step:,}" if info.forked_from else "",
        "changed": "; ".join(info.changed),
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


def run_json(run: RunFolder, summary: RunSummary, view: RunView, uploads: Sequence[RunView]) -> RunReport:
    """All that a run tells. Paths are absolute, times in seconds."""
    folder, info = run.path.absolute(), run.info()
    return {
        "schema": "frieze/run/1",
        **row_json(summary),
        "recipe": str(run.recipe_path.absolute()),
        "forked_from": {
            "run": info.forked_from,
            "step": info.from_step,
            "differences": list(info.changed),
        }
        if info.forked_from
        else None,
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
        "validations": [
            {
                "step": each.step,
                "loss": each.loss,
                "images": each.images,
                "bands": each.bands,
                "subset_losses": each.subsets,
            }
            for each in view.validations
        ],
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
        "uploads": [
            {
                "repo": each.device,
                "status": each.status,
                "published": [
                    {"path": one.path, "address": one.address, "created_at": iso_time(one.at), "at": one.at}
                    for one in each.uploads
                ],
                "failure": each.failure.what if each.failure else None,
                "hint": each.failure.hint if each.failure else None,
                "warnings": [
                    {"created_at": iso_time(one.at), "at": one.at, "what": one.what, "hint": one.hint}
                    for one in each.warnings
                ],
            }
            for each in uploads
        ],
    }
