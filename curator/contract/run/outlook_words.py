"""The outlook of a run in lines: what it takes, what does not fit, and what to set then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curator.contract.recipe.fields import toml_value
from curator.contract.text import counted, visible

_WORK = ("train", "sample", "save")


def outlook_lines(outlook: Mapping[str, Any]) -> Iterator[str]:
    """As the trainer's preflight tells it, in the keys of `RunOutlook`."""
    width, height = outlook["bucket"]
    tried = f"{counted(outlook['images_at_once'])} of {width}x{height} at once"
    if outlook["step_seconds"] is None:
        yield f"tried on {visible(outlook['device'])}: {tried}"
    else:
        most = "" if outlook["max_batch"] is None else f"; about {outlook['max_batch']} would fit"
        yield f"tried on {visible(outlook['device'])}: {tried}, {outlook['images_per_second']:.2f} images/s{most}"
    yield from _time(outlook)
    yield from _memory(outlook)
    yield (
        f"disk: weights {_mib(outlook['weights_bytes'])}, a state {_mib(outlook['state_bytes'])},"
        f" all up to {_mib(outlook['disk_bytes'])} of {_mib(outlook['disk_free_bytes'])} free"
    )
    if outlook["cache_bytes"]:
        yield f"latents in memory: {_mib(outlook['cache_bytes'])}"
    if outlook["cache_disk_bytes"]:
        yield f"latents on the disk: {_mib(outlook['cache_disk_bytes'])}"
    for problem in outlook["obstacles"]:
        yield f"refused: {visible(problem)}"
    for proposal in outlook["proposals"]:
        yield f"  {_proposed(proposal)}"


def _time(outlook: Mapping[str, Any]) -> Iterator[str]:
    if outlook["total_seconds"] is None:
        return
    parts = {
        "training": outlook["training_seconds"],
        "caching": outlook["caching_seconds"],
        "samples": outlook["sampling_seconds"],
        "saves": outlook["saving_seconds"],
        "evaluations": outlook["evaluating_seconds"],
    }
    shown = ", ".join(f"{name} {_hours(seconds)}" for name, seconds in parts.items() if seconds)
    yield f"{counted(outlook['steps'], 'step')} in about {_hours(outlook['total_seconds'])}: {shown}"


def _memory(outlook: Mapping[str, Any]) -> Iterator[str]:
    for name, key in (("device", "device_peaks"), ("CPU", "host_peaks")):
        held = {work: outlook[key][f"{work}_bytes"] for work in _WORK}
        shown = ", ".join(f"{work} {_mib(size)}" for work, size in held.items() if size)
        if shown:
            yield f"memory of the {name}: {shown}"


def _proposed(proposal: Mapping[str, Any]) -> str:
    values = proposal["values"]
    sets = " ".join(f"--set {key}={_plain(value)}" for key, value in values.items())
    saves = f", spares {_mib(proposal['saves_bytes'])}" if proposal["saves_bytes"] else ""
    return f"{sets}: {proposal['cost']}{saves}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else toml_value(value)


def _hours(seconds: float) -> str:
    """`1:02:03`, or `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
