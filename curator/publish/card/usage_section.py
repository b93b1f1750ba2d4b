"""Usage notes of a model card: trigger words, strength, size, prediction, text layer, VAE, emphasis (S093)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.publish.card.front_matter import is_adapter
from curator.publish.card.text import code, plain

if TYPE_CHECKING:
    from curator.publish.choices import CardChoices
    from curator.publish.subject import Subject


def usage(subject: Subject, choices: CardChoices, trigger: str) -> str:
    """What one has to know to use the file, a point each."""
    notes = [
        *_trigger(trigger),
        *_strength(subject, choices),
        *_size(subject),
        *_prediction(subject),
        *_text_layer(subject),
        *_vae(subject),
        *_emphasis(subject),
        *_not_final(subject),
        *_clients(subject),
    ]
    return "## Usage\n\n" + "\n".join(f"- {note}" for note in notes) if notes else ""


def _trigger(words: str) -> list[str]:
    return [f"Trigger words: {', '.join(code(each.strip()) for each in words.split(','))}"] if words else []


def _strength(subject: Subject, choices: CardChoices) -> list[str]:
    if choices.ratio is not None:
        return [f"Recommended strength: {choices.ratio:g}"]
    if is_adapter(subject) and not subject.info.kind.startswith("an embedding"):
        return ["Strength: it was trained at 1; begin there, and lower it where it is too much"]
    return []


def _size(subject: Subject) -> list[str]:
    header = subject.data.header
    said = subject.info.modelspec.get("resolution", "")
    if header is not None:
        rule = header.rule
        sides = f"with sides from {rule.min_side} to {rule.max_side} pixels"
        area = f"{rule.width}x{rule.height}"
        return [
            f"Resolution: trained in buckets of the area of {area}, {sides}",
            f"Larger images: make them near {area} first, then enlarge (hires fix)",
        ]
    return [f"Resolution: {plain(said)}"] if said else []


def _prediction(subject: Subject) -> list[str]:
    if subject.info.prediction != "v_prediction":
        return []
    notes = ["Prediction: v; choose v-prediction where the client does not see it by itself"]
    if subject.metadata.get("ss_zero_terminal_snr") == "True":
        notes.append("Noise: zero terminal SNR; use a CFG rescale of about 0.7 where colours burn")
    return notes


def _text_layer(subject: Subject) -> list[str]:
    layer = subject.info.training.get("clip skip", "")
    is_sdxl = "xl" in subject.info.modelspec.get("architecture", "")
    return [f"Clip skip: {plain(layer)}"] if layer and layer != "None" and not is_sdxl else []


def _vae(subject: Subject) -> list[str]:
    name = subject.metadata.get("ss_vae_name", "")
    if name:
        return [f"VAE: images were encoded with {code(name)}; use the same"]
    if not is_adapter(subject) and not subject.info.has_vae:
        return ["VAE: the file holds none; add that of its family"]
    return []


def _emphasis(subject: Subject) -> list[str]:
    found = subject.data
    if not found.rare_tags or found.rare_tags == found.all_tags < 30:
        return []
    return [
        f"Rare tags: {found.rare_tags:,} of {found.all_tags:,} tags are in fewer than 100 images; an emphasis of 1.5 to"
        ' 2.5 can bring them out. In AUTOMATIC1111 and Forge set the emphasis mode to "No norm" then, which avoids NaN'
    ]


def _not_final(subject: Subject) -> list[str]:
    notes: list[str] = []
    total = subject.view.total_steps if subject.view else 0
    if subject.step and total and subject.step < total:
        notes.append(f"This is step {subject.step:,} of {total:,}: not the end of the training")
    base = subject.info.training.get("base model", "")
    if base and not is_adapter(subject):
        notes.append(f"{code(base)} is the model before this training: do not take it for this one")
    if subject.info.ancestors and subject.recipe is None:
        notes.append("Made of other models, by a merge or a bake, and not trained further")
    return notes


def _clients(subject: Subject) -> list[str]:
    clients = subject.info.clients
    return [f"Read by: {', '.join(clients)}"] if clients else []
