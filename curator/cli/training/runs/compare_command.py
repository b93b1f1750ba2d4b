"""`frieze runs compare`: two runs side by side (row B07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.cli.options.options import CollectionOption, JsonOption, RunArgument
from curator.cli.options.places import runs_of
from curator.cli.shared.output import put, put_json, put_table, say
from curator.cli.training.manifest_exchange import diff_json, put_diff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.cli.schemas.managed_runs import ComparedLosses, RunComparison
    from curator.session.training.runs import Comparison


def compare(
    first: RunArgument,
    second: RunArgument,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two runs: knobs, data, and their losses at the same steps.

    Losses on fixed noise compare runs of the same images; the training's own depend on what was drawn.
    """
    runs = runs_of(collection)
    found = runs.compare(runs.find(first), runs.find(second))
    if as_json:
        put_json(_report(found))
        return
    one, other = (side.view for side in found.sides)
    names = (one.name, other.name)
    rows = [(key, a, b) for key, a, b in _facts(found)]
    rows += [(knob.key, knob.first, knob.second) for knob in found.knobs]
    put_table(rows, ("", *names))
    put()
    if found.cannot:
        say(f"the data cannot be compared: {found.cannot}")
    elif found.data is None:
        put("the data is the same")
    else:
        put_diff(found.data)
    for title, losses in (
        ("training", found.curves.training),
        ("fixed noise", found.curves.fixed_noise),
        ("validation", found.curves.validation),
    ):
        if losses:
            put()
            put_table([(each.step, _said(each.first), _said(each.second)) for each in losses],
                      (f"step: {title} loss", *names))  # fmt: skip


def _facts(found: Comparison) -> Sequence[tuple[str, object, object]]:
    from curator.runs.words import rate_in_words

    one, other = (side.view for side in found.sides)
    return [
        ("status", one.status, other.status),
        ("steps", f"{one.step}/{one.total_steps or '?'}", f"{other.step}/{other.total_steps or '?'}"),
        (
            "speed",
            rate_in_words(one.images_per_s, "image", "images"),
            rate_in_words(other.images_per_s, "image", "images"),
        ),
        ("device", one.device or "-", other.device or "-"),
    ]


def _said(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"


def _report(found: Comparison) -> RunComparison:
    curves = found.curves
    return {
        "schema": "frieze/run-comparison/1",
        "sides": [
            {
                "name": side.view.name,
                "path": str(side.run.path.absolute()),
                "status": side.view.status,
                "step": side.view.step,
                "total_steps": side.view.total_steps,
                "images_per_s": side.view.images_per_s,
                "device": side.view.device or None,
            }
            for side in found.sides
        ],
        "knobs": [{"key": each.key, "before": each.first, "after": each.second} for each in found.knobs],
        "same_data": found.data is None and not found.cannot,
        "data": None if found.data is None else diff_json(found.data),
        "hint": found.cannot or None,
        "training_losses": [_losses(*each) for each in curves.training],
        "noise_losses": [_losses(*each) for each in curves.fixed_noise],
        "validation_losses": [_losses(*each) for each in curves.validation],
    }


def _losses(step: int, first: float | None, second: float | None) -> ComparedLosses:
    return {"step": step, "first": first, "second": second}
