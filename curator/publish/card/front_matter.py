"""Front matter of a model card: the keys by which the hub files a model, each as a block of YAML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from curator.contract.base_model.family import FAMILIES
from curator.contract.run.origin import file_name
from curator.publish.card.text import quoted

if TYPE_CHECKING:
    from curator.publish.card.samples import Sample
    from curator.publish.choices import CardChoices
    from curator.publish.subject import Subject

Blocks = dict[str, str]  # YAML by its top-level key
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_FAMILY_TAGS = {
    "stable-diffusion-v1": ("stable-diffusion",),
    "stable-diffusion-v2": ("stable-diffusion", "stable-diffusion-2"),
    "stable-diffusion-xl": ("stable-diffusion-xl",),
}
_LICENSES = {  # the hub's names of what people write; those that are its names already stand for themselves
    "creativeml open rail-m": "creativeml-openrail-m",
    "creativeml open rail++-m": "openrail++",
    "creativeml openrail++-m": "openrail++",
    "openrail-m": "openrail",
    "cc0": "cc0-1.0",
    "cc by 4.0": "cc-by-4.0",
    "cc by-sa 4.0": "cc-by-sa-4.0",
    "cc by-nc 4.0": "cc-by-nc-4.0",
    "apache 2.0": "apache-2.0",
    "agpl-3.0": "agpl-3.0",
    "gpl-3.0": "gpl-3.0",
    "fair ai public license 1.0-sd": "faipl-1.0-sd",
}
_KNOWN = {
    *_LICENSES.values(), "mit", "apache-2.0", "openrail", "bigscience-openrail-m", "afl-3.0", "artistic-2.0", "cc",
    "cc-by-2.0", "cc-by-3.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0", "unlicense", "wtfpl", "unknown",
}  # fmt: skip


def front_matter(subject: Subject, choices: CardChoices, samples: Sequence[Sample]) -> Blocks:
    """The blocks that the record fills; what is not known has none."""
    blocks: Blocks = {}
    license_name = choices.license or subject.info.modelspec.get("license", "")
    if license_name:
        blocks |= _license(license_name)
    base = base_model_of(subject, choices)
    if base:
        relation = "adapter" if is_adapter(subject) else "merge" if subject.info.ancestors else "finetune"
        blocks["base_model"] = _list("base_model", [base])
        blocks["base_model_relation"] = f"base_model_relation: {relation}"
    if "diffusers" in subject.info.clients:
        blocks["library_name"] = "library_name: diffusers"
    blocks["pipeline_tag"] = "pipeline_tag: text-to-image"
    blocks["tags"] = _list("tags", _tags(subject))
    words = trigger_of(subject, choices)
    if words:
        blocks["instance_prompt"] = f"instance_prompt: {quoted(words)}"
    if choices.datasets:
        blocks["datasets"] = _list("datasets", choices.datasets)
    if samples:
        blocks["widget"] = "widget:\n" + "\n".join(map(_widget, samples))
    return blocks


def is_adapter(subject: Subject) -> bool:
    """Whether the file changes a model instead of being one."""
    return subject.info.kind not in FAMILIES


def base_model_of(subject: Subject, choices: CardChoices) -> str:
    """The hub's name of the base model; empty where nobody said one."""
    said = subject.recipe.model.path if subject.recipe else ""
    return choices.base_model or (said if is_hub_name(said) else "")


def is_hub_name(text: str) -> bool:
    """Whether it is OWNER/NAME, and no path."""
    return bool(_HUB_NAME.fullmatch(text)) and file_name(text) == text


def trigger_of(subject: Subject, choices: CardChoices) -> str:
    """The trigger words, with commas."""
    return choices.trigger or ", ".join(subject.trigger_words)


def _license(name: str) -> Blocks:
    known = _LICENSES.get(name.strip().lower(), name.strip().lower())
    if known in _KNOWN:
        return {"license": f"license: {quoted(known)}"}
    return {"license": 'license: "other"', "license_name": f"license_name: {quoted(name)}"}


def _tags(subject: Subject) -> list[str]:
    info = subject.info
    architecture = info.modelspec.get("architecture", "")
    family = next((tags for name, tags in _FAMILY_TAGS.items() if architecture.startswith(name)), ())
    kind: list[str] = []
    if info.kind.startswith("an embedding"):
        kind = ["textual_inversion"]
    elif is_adapter(subject):
        kind = [
            info.kind.split()[0].lower(),
            "lora" if info.kind == "LoRA" else "lycoris",
            "template:sd-lora",
        ]
    own = [word.strip() for word in info.modelspec.get("tags", "").split(",")]
    merged = ["merge"] if info.ancestors else []
    return list(
        dict.fromkeys(tag for tag in ["text-to-image", *family, *kind, *merged, "frieze", *own] if tag)
    )


def _list(key: str, values: Sequence[str]) -> str:
    return "\n".join([f"{key}:", *(f"  - {quoted(value)}" for value in values)])


def _widget(sample: Sample) -> str:
    lines = [f"  - text: {quoted(sample.prompt or '-')}"]
    if sample.negative:
        lines += ["    parameters:", f"      negative_prompt: {quoted(sample.negative)}"]
    return "\n".join([*lines, "    output:", f"      url: {quoted(sample.remote)}"])
