"""The form of a subset, its caption rules and the bucket sizes: values as typed lines, and back.

Pure. A subset has two forms, for all of its fields would not fit on a small terminal at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from curator.contract.buckets import (
    CROP_INPUTS,
    CROP_MODES,
    RESAMPLES,
    BucketRule,
    CropInputs,
    CropMode,
    Resample,
    checked,
)
from curator.contract.errors import UserError, did_you_mean
from curator.contract.manifest.header import MASK_MODES, MaskMode
from curator.contract.text import visible
from curator.tui.completing.completion import words_of
from curator.tui.screens.dialogs.questions import FormLine, number_of, whole_number_of, yes_or_no
from curator.tui.text.recipe_form import in_text

if TYPE_CHECKING:
    from curator.contract.caption.captions import CaptionRules
    from curator.session.training.subsets import Subset
    from curator.tui.completing.completion import Complete


def subset_lines(subset: Subset, complete: Complete) -> list[FormLine]:
    """What a subset holds, how often its images come and how they are shown; `complete` is for its filter."""
    return [
        FormLine("name", "name", subset.name, "what it is called"),
        FormLine(
            "filter",
            "filter",
            subset.filter,
            "which images; each goes to the first subset that takes it",
            complete,
        ),
        FormLine(
            "repeats", "repeats", in_text(subset.repeats), "times each image is seen an epoch: 2 or 1.5"
        ),
        FormLine(
            "weight", "loss weight", in_text(subset.loss_weight), "how much its loss counts; 1 is usual"
        ),
        FormLine(
            "reg",
            "regularisation",
            _yes(subset.is_reg),
            "yes: class images, shown together as often as all the others; repeats share that out among them",
        ),
        FormLine("flip", "flip", _yes(subset.flip), "mirror half of the samples: yes or no"),
        FormLine(
            "crop",
            "crop",
            subset.crop,
            f"what is kept of a longer image: {', '.join(CROP_MODES)}",
            words_of(CROP_MODES),
        ),
        FormLine(
            "mask",
            "mask",
            subset.mask,
            f"where the loss counts: {', '.join(MASK_MODES)} (NAME-mask.png beside the image)",
            words_of(MASK_MODES),
        ),
        FormLine(
            "validation_share",
            "validation share",
            in_text(subset.validation_share),
            "share of its images held out of training, for validation: 0.05 is about one of 20",
        ),
        FormLine(
            "validation_seed",
            "validation seed",
            str(subset.validation_seed),
            "another number holds out other images",
        ),
    ]


def subset_typed(values: Mapping[str, str], before: Subset) -> Subset:
    """The subset with what was typed; its caption rules stay.

    Raises:
        UserError: a line that cannot be understood, or is out of range.
    """
    name = values["name"].strip()
    if not name:
        raise UserError("the subset has no name", "give a short one, such as 'cats'")
    repeats = number_of(values, "repeats", "repeats")
    if not 0 <= repeats <= 1_000_000:
        raise UserError(f"repeats: {repeats:g} is out of range", "give 0 or more, such as 1.5")
    return replace(
        before,
        name=name,
        filter=values["filter"].strip(),
        repeats=repeats,
        loss_weight=number_of(values, "weight", "loss weight"),
        is_reg=yes_or_no(values, "reg", "regularisation"),
        flip=yes_or_no(values, "flip", "flip"),
        crop=cast("CropMode", _one_of(values, "crop", CROP_MODES)),
        mask=cast("MaskMode", _one_of(values, "mask", MASK_MODES)),
        validation_share=number_of(values, "validation_share", "validation share"),
        validation_seed=whole_number_of(values, "validation_seed", "validation seed"),
    )


def subset_summary(subset: Subset) -> str:
    """How the images of a subset are shown, where it is not the plain way: `cats: flip, random crop, shuffle`."""
    rules = subset.rules
    options = [
        *(["regularisation"] if subset.is_reg else []),
        *(["flip"] if subset.flip else []),
        *([f"{subset.crop} crop"] if subset.crop != "center" else []),
        *([f"{subset.mask} mask"] if subset.mask != "none" else []),
        *([f"{in_text(subset.validation_share)} held out"] if subset.validation_share else []),
        *([f"loss x {subset.loss_weight:g}"] if subset.loss_weight != 1 else []),
        *([f"trigger {rules.trigger}"] if rules.trigger else []),
        *(["shuffle"] if rules.shuffle else []),
        *([f"keep {rules.keep_tags}"] if rules.keep_tags else []),
        *([f"tag dropout {rules.tag_dropout:g}"] if rules.tag_dropout else []),
        *([f"no caption {rules.caption_dropout:g}"] if rules.caption_dropout else []),
    ]
    return visible(
        f"{subset.name}: {', '.join(options) or 'plain'}   filter: {subset.filter or '(every image)'}"
    )


def caption_lines(rules: CaptionRules) -> list[FormLine]:
    """How the captions of a subset vary."""
    return [
        FormLine("trigger", "trigger", rules.trigger, "a word before every caption; may be empty"),
        FormLine("shuffle", "shuffle", _yes(rules.shuffle), "tags in another order each time: yes or no"),
        FormLine("keep_tags", "keep tags", str(rules.keep_tags), "the first tags that never move"),
        FormLine(
            "keep_separator",
            "head ends at",
            rules.keep_separator,
            "a tag such as |||: what is before it stays",
        ),
        FormLine(
            "tag_dropout", "tag dropout", in_text(rules.tag_dropout), "chance that a tag is left out, 0 to 1"
        ),
        FormLine(
            "caption_dropout",
            "no caption",
            in_text(rules.caption_dropout),
            "chance that the whole caption is left out, 0 to 1",
        ),
        FormLine(
            "dropout_every_epochs",
            "none every",
            str(rules.dropout_every_epochs),
            "every so many epochs one has no captions; 0: never",
        ),
        FormLine(
            "warmup_tags", "tags at first", str(rules.warmup_tags), "tags of the middle at the first step"
        ),
        FormLine(
            "warmup_steps",
            "all tags by",
            str(rules.warmup_steps),
            "steps in which they grow to all; 0: at once",
        ),
        FormLine("prefix", "prefix", rules.prefix, "words before the caption"),
        FormLine("suffix", "suffix", rules.suffix, "words behind the caption"),
        FormLine(
            "secondary_separator",
            "joined by",
            rules.secondary_separator,
            "signs inside a tag, such as ;;;, that become a comma at the end: what they join moves as one",
        ),
        FormLine("wildcards", "wildcards", _yes(rules.wildcards), "{a|b} is one of its items: yes or no"),
        FormLine(
            "escape_parentheses",
            "plain brackets",
            _yes(rules.escape_parentheses),
            "where brackets weigh, those of tags are plain signs: yes or no",
        ),
        FormLine(
            "text_first", "text first", _yes(rules.text_first), "the free text before the tags: yes or no"
        ),
    ]


def rules_typed(values: Mapping[str, str], before: CaptionRules) -> CaptionRules:
    """The rules with what was typed.

    Raises:
        UserError: a line that cannot be understood, or is out of range.
    """
    labels = {line.name: line.label for line in caption_lines(before)}
    changed: dict[str, str | int | float | bool] = {}
    for name, label in labels.items():
        old = getattr(before, name)
        if isinstance(old, bool):
            changed[name] = yes_or_no(values, name, label)
        elif isinstance(old, int):
            changed[name] = whole_number_of(values, name, label)
        elif isinstance(old, float):
            changed[name] = number_of(values, name, label)
        else:
            changed[name] = values[name].strip()
    return replace(before, **changed)


def rule_lines(rule: BucketRule) -> list[FormLine]:
    """How images are scaled and cut."""
    return [
        FormLine(
            "width", "width", str(rule.width), "pixels; width x height is the area every bucket stays within"
        ),
        FormLine("height", "height", str(rule.height), "pixels"),
        FormLine("min_side", "shortest side", str(rule.min_side), "pixels"),
        FormLine("max_side", "longest side", str(rule.max_side), "pixels"),
        FormLine("step", "step", str(rule.step), "pixels between two sizes; 64 is usual, 8 the least"),
        FormLine("upscale", "enlarge", _yes(rule.upscale), "may small images be enlarged: yes or no"),
        FormLine(
            "resample", "scaled by", rule.resample, f"one of {', '.join(RESAMPLES)}", words_of(RESAMPLES)
        ),
        FormLine(
            "crop_inputs",
            "SDXL is told",
            rule.crop_inputs,
            "true: where the crop was cut; letterbox: sd-scripts' offset of the whole image",
            words_of(CROP_INPUTS),
        ),
    ]


def rule_typed(values: Mapping[str, str]) -> BucketRule:
    """The bucket rule that was typed.

    Raises:
        UserError: a line that cannot be understood, or sizes that make no buckets or contradict each other.
    """
    sizes = [
        whole_number_of(values, name, name) for name in ("width", "height", "min_side", "max_side", "step")
    ]
    rule = BucketRule(
        *sizes,
        upscale=yes_or_no(values, "upscale", "enlarge"),
        resample=cast("Resample", _one_of(values, "resample", RESAMPLES)),
        crop_inputs=cast("CropInputs", _one_of(values, "crop_inputs", CROP_INPUTS)),
    )
    return checked(rule)


def _one_of(values: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    word = values[name].strip().lower()
    if word not in words:
        raise UserError(f"{name}: there is no '{word}'", did_you_mean(word, words))
    return word


def _yes(value: bool) -> str:
    return "yes" if value else "no"
