"""Training and figures of a model card: the recipe in words and whole, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.recipe.toml_file import dump_recipe
from curator.contract.text import counted
from curator.publish.card.text import code, fenced, plain, table
from curator.runs.words import loss_in_words, seconds_in_words

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from curator.publish.subject import Subject
    from curator.runs.fold import RunView


def training(subject: Subject) -> str:
    """The recipe, where the record has one; else what the file says in kohya's words."""
    if subject.recipe is None:
        rows = [[plain(name), plain(value)] for name, value in subject.info.training.items()]
        return "## Training\n\n" + table(("", ""), rows) if rows else ""
    rows = [[name, value] for name, value in _in_words(subject.recipe).items() if value]
    whole = fenced(dump_recipe(subject.recipe), "toml")
    folded = f"<details><summary>The whole recipe</summary>\n\n{whole}\n\n</details>"
    return f"## Training\n\n{table(('', ''), rows)}\n\n{folded}"


def _in_words(recipe: Recipe) -> dict[str, str]:
    optimizer, objective, batch = recipe.optimizer, recipe.objective, recipe.batch
    trained = recipe.trains
    if recipe.trains == "adapter":
        adapter = recipe.adapter
        conv = (
            f", of convolutions {adapter.conv_rank} and {adapter.conv_alpha:g}" if adapter.conv_rank else ""
        )
        trained = f"{adapter.kind}, rank {adapter.rank}, alpha {adapter.alpha:g}{conv}"
    noise = [
        *([f"min-SNR {objective.min_snr_gamma:g}"] if objective.min_snr_gamma else []),
        *(["debiased"] if objective.debiased else []),
        *([f"noise offset {objective.noise_offset:g}"] if objective.noise_offset else []),
    ]
    size = counted(batch.size * batch.accumulate)
    accumulated = f" ({batch.size} x {batch.accumulate} accumulated)" if batch.accumulate > 1 else ""
    return {
        "trained": trained,
        "base model": plain(recipe.model.path),
        "length": counted(recipe.length.epochs, "epoch")
        if recipe.length.epochs
        else counted(recipe.length.steps, "step"),
        "a step on one device": size + accumulated,
        "optimiser": f"{plain(optimizer.name)}, weight decay {optimizer.weight_decay:g}",
        "learning rate": f"{optimizer.unet_lr:g} of the UNet, {optimizer.text_lr:g} of the text encoders",
        "schedule": f"{recipe.schedule.name}, warm-up {recipe.schedule.warmup_steps:g}",
        "loss": ", ".join([objective.loss, *noise]),
        "precision": f"{recipe.precision.mixed}, saved as {recipe.save.dtype}",
        "average": f"EMA, decay {recipe.ema.decay:g}" if recipe.ema.decay else "",
        "seed": str(recipe.seed),
    }


def figures(subject: Subject) -> str:
    """Steps, time, device and losses, as the run wrote them down; without the run what the file says."""
    view = subject.view
    rows = _of_run(subject, view) if view is not None else {}
    if not rows and subject.step:
        rows = {"steps": f"{subject.step:,}"}
    shown = [[name, value] for name, value in rows.items() if value]
    hashes = [["file", code(subject.weights.name)], ["size", f"{subject.info.bytes / 1e6:,.1f} MB"]]
    return "## Figures\n\n" + table(("", ""), [*shown, *hashes])


def _of_run(subject: Subject, view: RunView) -> dict[str, str]:
    step = subject.step if subject.step is not None else view.step
    fixed = [(at, loss) for at, loss in view.evaluations if at <= step]
    held_out = [each for each in view.validations if each.step <= step]
    devices = f"{view.processes} x " if view.processes > 1 else ""
    return {
        "steps": f"{step:,} of {view.total_steps:,}" if view.total_steps else f"{step:,}",
        "epochs": f"{view.epoch:,} of {view.total_epochs:,}" if view.total_epochs else "",
        "time of training": seconds_in_words(subject.seconds) if subject.seconds else "",
        "device": devices + plain(view.device) if view.device else "",
        "speed": f"{view.images_per_s:.2f} images/s" if view.images_per_s else "",
        "training loss, smoothed": loss_in_words(view.smoothed_loss) if view.smoothed_loss else "",
        "loss on fixed noise": _change(fixed),
        "loss of images held out": _change([(each.step, each.loss) for each in held_out]),
        "images left out while training": f"{view.quarantine_count:,}" if view.quarantined else "",
        "status of the run": "" if view.status == "finished" else f"{view.status}: not the end",
    }


def _change(points: list[tuple[int, float]]) -> str:
    if not points:
        return ""
    (_, first), (_, last) = points[0], points[-1]
    return loss_in_words(last) if len(points) == 1 else f"{loss_in_words(first)} -> {loss_in_words(last)}"
