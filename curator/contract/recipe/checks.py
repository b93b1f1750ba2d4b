"""Contradictions in a recipe: a knob that was set but would change nothing is refused (row B12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.caption.tag_brackets import is_qualified
from curator.contract.errors import UserError
from curator.contract.prompts.lines import SMALLEST_SIDE_PX, ReadPrompt, read_line
from curator.contract.recipe.fields import recipe_fields, value_of
from curator.contract.recipe.precision_checks import check_precision, trains_text
from curator.contract.recipe.rate_checks import check_rates, idle_schedule, rate_doubts
from curator.contract.recipe.sections import IdleKey, check_rules, idle_in_sections
from curator.contract.text import counted, visible

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe, SamplePictures


class _Idle(NamedTuple):
    """Keys that change nothing while `when` holds."""

    keys: tuple[str, ...]
    when: Callable[[Recipe], bool]
    hint: str


def _is_sampled(sample: SamplePictures) -> bool:
    return bool(sample.at_start or sample.at_end or sample.every_steps or sample.every_epochs)


_SMALLEST_SAMPLE = SMALLEST_SIDE_PX
_PICTURE_KEYS = (
    "negative",
    "every_steps",
    "every_epochs",
    "at_start",
    "at_end",
    "steps",
    "cfg",
    "width",
    "height",
    "seed",
    "sampler",
)

_IDLE = (
    _Idle(
        ("adapter.conv_alpha",), lambda r: r.adapter.conv_rank == 0, "set adapter.conv_rank, or leave it out"
    ),
    _Idle(
        ("optimizer.unet_lr", "optimizer.text_lr", "optimizer.text_2_lr"),
        lambda r: r.trains == "embeddings",
        "set embeddings.lr, and leave it out",
    ),
    _Idle(
        ("optimizer.text_2_lr",),
        lambda r: r.model.family not in ("auto", "sdxl"),
        "only SDXL has a second text encoder: leave it out",
    ),
    _Idle(
        ("ema.warmup", "ema.power", "ema.device", "ema.save"),
        lambda r: r.ema.decay == 0,
        "set ema.decay, or leave it out",
    ),
    _Idle(
        ("ema.decay",),
        lambda r: r.optimizer.facts.averages,
        "leave it out: this optimiser keeps an average of its own",
    ),
    _Idle(("ema.power",), lambda r: r.ema.warmup != "power", "set ema.warmup = 'power', or leave it out"),
    _Idle(
        tuple(f"sample.{key}" for key in _PICTURE_KEYS),
        lambda r: not r.sample.prompts,
        "give sample.prompts, or leave it out",
    ),
    _Idle(
        ("sample.prompts",),
        lambda r: not _is_sampled(r.sample),
        "set sample.at_start, sample.at_end, sample.every_steps or sample.every_epochs, or leave it out",
    ),
    _Idle(
        ("adapter.conv_rank",), lambda r: r.optimizer.unet_lr == 0, "set optimizer.unet_lr, or leave it out"
    ),
    _Idle(
        ("objective.adaptive_noise_scale",),
        lambda r: r.objective.noise_offset == 0,
        "set objective.noise_offset, or leave it out",
    ),
    _Idle(
        ("objective.multires_noise_discount",),
        lambda r: r.objective.multires_noise_levels == 0,
        "set objective.multires_noise_levels, or leave it out",
    ),
    _Idle(
        ("objective.noise_offset_random",),
        lambda r: r.objective.noise_offset == 0,
        "set objective.noise_offset, or leave it out",
    ),
    _Idle(
        ("objective.ip_noise_random",),
        lambda r: r.objective.ip_noise_gamma == 0,
        "set objective.ip_noise_gamma, or leave it out",
    ),
    _Idle(
        ("optimizer.adafactor.warmup_init",),
        lambda r: not r.optimizer.adafactor.relative_step,
        "set optimizer.adafactor.relative_step, or leave it out",
    ),
    _Idle(
        ("optimizer.adafactor.epsilon_scale",),
        lambda r: not r.optimizer.adafactor.scale_parameter,
        "set optimizer.adafactor.scale_parameter, or leave it out",
    ),
    _Idle(
        ("objective.huber.scale",),
        lambda r: r.objective.huber.schedule == "snr",
        "set objective.huber.schedule = 'constant' or 'exponential', or leave it out",
    ),
    _Idle(
        ("objective.scale_v_like_noise",),
        lambda r: r.model.prediction == "epsilon",
        "it is for models that predict v: leave it out",
    ),
    _Idle(
        ("objective.v_like_loss",),
        lambda r: r.model.prediction == "v_prediction",
        "it is for models that predict noise: leave it out",
    ),
    _Idle(("sample.negative",), lambda r: r.sample.cfg <= 1, "raise sample.cfg above 1, or leave it out"),
    _Idle(
        ("evaluate.every_steps", "evaluate.every_epochs"),
        lambda r: r.evaluate.images == 0 and r.evaluate.validation_images == 0,
        "set evaluate.images or evaluate.validation_images, or leave it out",
    ),
    _Idle(
        ("cache.folder", "cache.disk_gib"),
        lambda r: "disk" not in (r.cache.latents, r.cache.captions),
        "set cache.latents or cache.captions to 'disk', or leave it out",
    ),
    _Idle(
        ("cache.kohya_npz",),
        lambda r: r.cache.latents == "off",
        "set cache.latents to 'memory' or 'disk', or leave it out",
    ),
    _Idle(
        ("cache.captions",),
        trains_text,
        "text encoders are trained, and read every caption anew: leave it out, or set their rates to 0",
    ),
    _Idle(
        ("save.keep_last",),
        lambda r: r.save.every_steps == 0 and r.save.every_epochs == 0,
        "set save.every_steps or save.every_epochs",
    ),
    _Idle(
        ("save.keep_every_steps", "save.keep_every_epochs"),
        lambda r: r.save.keep_last == 0,
        "set save.keep_last, or leave it out: all are kept",
    ),
    _Idle(
        ("save.keep_every_steps",),
        lambda r: r.save.every_steps == 0,
        "set save.every_steps, or leave it out",
    ),
    _Idle(
        ("save.keep_every_epochs",),
        lambda r: r.save.every_epochs == 0,
        "set save.every_epochs, or leave it out",
    ),
)


class _Contradiction(NamedTuple):
    """A recipe that cannot be followed."""

    when: Callable[[Recipe], bool]
    what: str
    hint: str


def _has_no_rate(recipe: Recipe) -> bool:
    rates = recipe.optimizer
    return rates.unet_lr == 0 and rates.text_lr == 0 and rates.text_2_lr <= 0


_WORD = re.compile(r"[\w-]+(?: [\w-]+)*")
_CONTRADICTIONS = (
    _Contradiction(
        lambda r: r.trains == "embeddings" and not _WORD.fullmatch(r.embeddings.word),
        "embeddings.word is no word",
        "set embeddings.word to what stands in the captions, such as the trigger 'sls'",
    ),
    _Contradiction(
        lambda r: r.trains != "embeddings" and _has_no_rate(r),
        "both learning rates are 0: nothing would be trained",
        "set optimizer.unet_lr or optimizer.text_lr",
    ),
    _Contradiction(
        lambda r: r.schedule.name == "constant_with_warmup" and r.schedule.warmup_steps == 0,
        "schedule.name is 'constant_with_warmup', and schedule.warmup_steps is 0",
        "set schedule.warmup_steps, or schedule.name = 'constant'",
    ),
    _Contradiction(
        lambda r: r.schedule.name == "piecewise_constant" and not r.schedule.pieces,
        "schedule.name is 'piecewise_constant', and schedule.pieces is empty",
        "set schedule.pieces, such as '1:500, 0.1:1000, 0.01'",
    ),
    _Contradiction(
        lambda r: r.length.epochs == 0 and r.length.steps == 0,
        "the run has no length",
        "set length.epochs or length.steps",
    ),
    _Contradiction(
        lambda r: r.objective.timesteps.start >= r.objective.timesteps.end,
        "objective.timesteps.start is not below objective.timesteps.end: no timestep is left",
        "set a start from 0 and an end up to 1000",
    ),
    _Contradiction(
        lambda r: bool(r.sample.width % 8 or r.sample.height % 8),
        "the sample images' sides are no multiples of 8",
        "use sides such as 512 or 768",
    ),
    _Contradiction(
        lambda r: any(0 < side < _SMALLEST_SAMPLE for side in (r.sample.width, r.sample.height)),
        f"a side of the sample images is below {_SMALLEST_SAMPLE} pixels",
        "use sides such as 512 or 768, or 0 for the family's own",
    ),
)


def check_recipe(recipe: Recipe, given: frozenset[str], source: str) -> None:
    """Refuse a recipe with a contradiction, or with a key in `given` that would have no effect.

    Raises:
        UserError: names the key and what to do.
    """
    check_rules(recipe, source)
    for idle in idle_keys(recipe, given):
        raise UserError(f"{source}: {idle.key} would have no effect{idle.why}", idle.hint)
    check_rates(recipe, source)
    check_precision(recipe, source)
    if recipe.schedule.name == "piecewise_constant" and recipe.schedule.pieces:
        _ = recipe.schedule.parsed_pieces  # raises where they cannot be read
    for case in _CONTRADICTIONS:
        if case.when(recipe):
            raise UserError(f"{source}: {case.what}", case.hint)
    read_sample_prompts(recipe.sample, f"{source}: ")


def idle_keys(recipe: Recipe, given: frozenset[str]) -> Iterator[IdleKey]:
    """The keys in `given` that would change nothing in this recipe."""
    yield from idle_in_sections(recipe, given)
    yield from idle_schedule(recipe, given)
    for idle in _IDLE:
        for name in sorted(given.intersection(idle.keys)):
            if idle.when(recipe) and _says_something(recipe, name):
                yield IdleKey(name, "", idle.hint)


def read_sample_prompts(sample: SamplePictures, before: str = "") -> list[ReadPrompt]:
    """The prompts of sample images, read; `before` begins what is said of one.

    Raises:
        UserError: an option has a value it does not take.
    """
    return [
        read_line(line, f"{before}sample.prompts, prompt {number}")
        for number, line in enumerate(sample.prompts, 1)
    ]


class TrainingWarning(NamedTuple):
    """Something a user may not have meant, and what to do about it."""

    what: str
    hint: str


def recipe_warnings(recipe: Recipe) -> list[TrainingWarning]:
    """What can be followed and yet should be said, before a run and at its start (row S075)."""
    length = recipe.length
    found = [TrainingWarning(*told) for told in rate_doubts(recipe)]
    if length.epochs and length.steps:
        what = f"length.steps = {length.steps} is not used: length.epochs = {length.epochs} wins"
        hint = "set length.epochs = 0 to train that many steps, or leave length.steps out"
        found.append(TrainingWarning(what, hint))
    found += [TrainingWarning(*doubt) for read in read_sample_prompts(recipe.sample) for doubt in read.doubts]
    return found


def bracket_warnings(manifest: Manifest, recipe: Recipe) -> Iterator[TrainingWarning]:
    """Subsets whose tags have brackets of their own, which would weigh, or be trained with a sign before them."""
    is_weighted = recipe.text.weighted_captions
    for number, subset in enumerate(manifest.header.subsets):
        name = visible(subset.name)
        if is_weighted and not subset.rules.escape_parentheses:
            found = [(tag, images) for tag, images in manifest.tag_counts(number) if is_qualified(tag)]
            if found:
                tags = counted(len(found), "tag weighs", "tags weigh")
                shown = f"'{visible(found[0][0])}' in {counted(found[0][1], 'caption')}"
                yield TrainingWarning(
                    f"subset {name}: {tags} x 1.1 within the brackets of the name, such as {shown}",
                    f"frieze subset set {name} --rule escape_parentheses=true, and freeze again",
                )
        elif subset.rules.escape_parentheses and not is_weighted:
            yield TrainingWarning(
                f"subset {name}: escape_parentheses without text.weighted_captions trains the signs before brackets",
                "set text.weighted_captions, or freeze without the rule",
            )


def _says_something(recipe: Recipe, name: str) -> bool:
    """A key given with its default value is harmless: complete recipes, as a run keeps them, hold every key."""
    return value_of(recipe, name) != recipe_fields()[name].default
