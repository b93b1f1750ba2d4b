"""Numbers of a run as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who only words a number loads none of it
    from curator.contract.run.run_folder import Status
    from curator.runs.fold import RunView


def seconds_in_words(seconds: float | None) -> str:
    """`1:02:03`, `4:05` or `-` where it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def left_in_words(seconds: float | None, now: datetime | None = None) -> str:
    """`1:25, at 14:05`: how long it takes yet, and when it will be over on the clock; a later day is named."""
    words = seconds_in_words(seconds)
    if words == "-" or seconds is None:
        return words
    now = now or datetime.now().astimezone()
    try:
        over = now + timedelta(seconds=seconds)
    except OverflowError:
        return words
    days = (over.date() - now.date()).days
    return f"{words}, at {over:%H:%M}" if not days else f"{words}, on {over:%a %d %b} at {over:%H:%M}"


def bytes_in_words(count: float) -> str:
    """`3.1 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def rate_in_words(rate: float | None, one: str, many: str) -> str:
    """`3.42 it/s`; slow things are told by what one takes: `4.1 s/it`."""
    if rate is None or rate <= 0:
        return f"- {many}/s"
    return f"{rate:.2f} {many}/s" if rate >= 0.5 else f"{1 / rate:.1f} s/{one}"


def loss_in_words(loss: float | None) -> str:
    """`0.1234`, or `-` before the first step."""
    return "-" if loss is None else f"{loss:.4f}"


def evaluation_in_words(view: RunView) -> str:
    """Loss on fixed noise at the start and now, and the change: `0.1502 -> 0.1203 (-19.9 %)`."""
    return _change_in_words([loss for _, loss in view.evaluations])


def validation_in_words(view: RunView) -> str:
    """The same of images held out, and where it was least before: `0.1502 -> 0.1203 (-19.9%), least 0.11 at step 9`."""
    least = min(
        view.validations, key=lambda each: math.inf if math.isnan(each.loss) else each.loss, default=None
    )
    words = _change_in_words([each.loss for each in view.validations])
    if least is None or least.step == view.validations[-1].step:
        return words
    return f"{words}, least {loss_in_words(least.loss)} at step {least.step}"


def bands_in_words(bands: Sequence[float]) -> str:
    """Losses from little noise to much: `0.0312  0.0721  0.1420  0.2290`."""
    return "  ".join(map(loss_in_words, bands))


def _change_in_words(losses: Sequence[float]) -> str:
    if len(losses) < 2:
        return loss_in_words(losses[0]) if losses else ""
    first, now = losses[0], losses[-1]
    change = f" ({(now - first) / first:+.1%})" if first else ""
    return f"{loss_in_words(first)} -> {loss_in_words(now)}{change}"


def state_in_words(view: RunView) -> str:
    """What the run is doing: `running`, `paused`, `caching latents`, `crashed`, ..."""
    words: dict[Status, str] = {"new": "not started"}
    if view.status != "running":
        return words.get(view.status, view.status)
    state = "paused" if view.paused else f"running: {view.phase}" if view.phase else "starting"
    return f"{state}, asked to {', '.join(view.pending)}" if view.pending else state


def lr_in_words(lr: Mapping[str, float]) -> str:
    """`unet 1.00e-04  text 5.00e-05`."""
    return "  ".join(f"{name} {value:.2e}" for name, value in lr.items()) or "-"
