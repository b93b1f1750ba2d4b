"""Sections of a model card, each from the record alone; one that has nothing to say is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.publish.card.data_section import data
from curator.publish.card.front_matter import base_model_of, is_adapter, trigger_of
from curator.publish.card.text import code, paragraphs, plain, table
from curator.publish.card.training_section import figures, training
from curator.publish.card.usage_section import usage

if TYPE_CHECKING:
    from curator.publish.card.samples import Sample
    from curator.publish.choices import CardChoices
    from curator.publish.subject import Subject

_Make = Callable[["Subject", "CardChoices", Sequence["Sample"]], str]


def sections(subject: Subject, choices: CardChoices, samples: Sequence[Sample]) -> dict[str, str]:
    """Markdown by the section's name, in the order of the card."""
    return {name: make(subject, choices, samples).strip() for name, make in _SECTIONS.items()}


def _title(subject: Subject, choices: CardChoices, _: Sequence[Sample]) -> str:
    spec = subject.info.modelspec
    kind = {"sd1": "Stable Diffusion 1", "sd2": "Stable Diffusion 2", "sdxl": "SDXL"}.get(subject.info.kind)
    base = base_model_of(subject, choices) or subject.info.training.get("base model", "")
    lines = [f"# {plain(choices.title or subject.title)}", ""]
    if spec.get("description"):
        lines += [paragraphs(spec["description"]), ""]
    if is_adapter(subject):
        lines.append(f"{plain(subject.info.kind)}{f' for {plain(base)}' if base else ''}.")
    else:
        trained = f", fine-tuned from {plain(base)}" if base else ""
        lines.append(f"{kind} checkpoint{trained}.")
    if spec.get("author"):
        lines.append(f"By {plain(spec['author'])}.")
    return "\n".join(lines)


def _samples(_: Subject, __: CardChoices, samples: Sequence[Sample]) -> str:
    if not samples:
        return ""
    rows = [
        [f"![sample]({each.remote})", code(each.prompt or "-"), code(each.settings or f"Seed: {each.seed}")]
        for each in samples
    ]
    return "## Samples\n\n" + table(("image", "prompt", "settings"), rows)


def _lineage(subject: Subject, _: CardChoices, __: Sequence[Sample]) -> str:
    ancestors = subject.info.ancestors
    base = subject.info.training.get("base model", "")
    digest = subject.metadata.get("ss_new_sd_model_hash", "")
    lines = [f"- {plain(each)}" for each in ancestors]
    if base:
        lines.append(f"- trained from {code(base)}{f', sha256 {code(digest)}' if digest else ''}")
    if subject.origin is not None:
        lines.append(f"- manifest {code(subject.origin.manifest)}, digest {code(subject.origin.digest)}")
    if not lines:
        return ""
    merge = f"\n\n```toml\n{subject.info.merge.strip()}\n```" if subject.info.merge else ""
    return "## Lineage\n\n" + "\n".join(lines) + merge


def _licence(subject: Subject, choices: CardChoices, _: Sequence[Sample]) -> str:
    said = choices.license or subject.info.modelspec.get("license", "")
    lines = [f"- this model: {plain(said)}" if said else "- this model: no licence is stated"]
    base = base_model_of(subject, choices) or subject.info.training.get("base model", "")
    if base:
        lines.append(f"- base model: as stated for {plain(base)}; its terms hold for what is made of it")
    lines += [f"- images: as stated for {plain(each)}" for each in choices.datasets]
    if not choices.datasets and subject.data.images:
        lines.append(
            f"- images: the record of {counted(subject.data.images)} holds no licences; ask the author"
        )
    return "## Licences\n\n" + "\n".join(lines)


def _usage(subject: Subject, choices: CardChoices, _: Sequence[Sample]) -> str:
    return usage(subject, choices, trigger_of(subject, choices))


_SECTIONS: dict[str, _Make] = {
    "title": _title,
    "usage": _usage,
    "samples": _samples,
    "data": lambda subject, choices, _: data(subject, choices),
    "training": lambda subject, _, __: training(subject),
    "figures": lambda subject, _, __: figures(subject),
    "lineage": _lineage,
    "licence": _licence,
}
