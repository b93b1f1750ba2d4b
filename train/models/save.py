"""Base models written: one file in the original layout, or a diffusers folder; weights alone, nothing of training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from curator.contract.base_model.family import read_json
from curator.contract.base_model.modelspec import single_file_spec
from curator.contract.base_model.prediction import V_MARK, ZERO_SNR_MARK
from curator.contract.files.whole_files import drafted_file, drafted_folder
from train.families.rows import FAMILIES
from train.models import layout
from train.models.layout import Layout, Planned, planned
from train.models.tokenizers import write_tokenizer
from train.weights.lora_file import DTYPES, Stored
from train.weights.open_clip_names import layer_prefix
from train.weights.tensor_writer import write_tensors

if TYPE_CHECKING:
    from train.families.family import Family

PICKLE_SUFFIX = ".ckpt"


def write_single_file(path: Path, family: Family, metadata: Mapping[str, str], stored: Stored) -> None:
    """The model in the original layout, whole or not at all: safetensors, or a pickle where `path` ends in `.ckpt`.

    What it predicts is written as other programs read it: in the metadata, and by marks beside the weights.

    Raises:
        OSError: no space, or no right to write there.
    """
    plan, dtype = single_file_plan(family), DTYPES[stored]
    with drafted_file(path) as draft:
        if path.suffix == PICKLE_SUFFIX:
            tensors = {name: each.read().detach().to("cpu", dtype).clone() for name, each in plan.items()}
            torch.save({"state_dict": tensors}, draft)
        else:
            write_tensors(draft, plan, {**metadata, **spec_of(family)}, dtype)


def single_file_plan(family: Family) -> dict[str, Planned]:
    """Every tensor of the single file, by its name there."""
    row = FAMILIES[family.name]
    plan = planned(family.unet, layout.ldm_unet(family.unet)) | planned(
        family.vae, layout.ldm_vae(family.vae)
    )
    for encoder, part in zip(family.text_encoders, row.text, strict=True):
        plan |= planned(encoder, layout.ldm_text(encoder, part))
    if family.name == "sd2":
        plan |= _last_layer(plan, family, row.text[0].prefix)
    return plan | _marks(family)


def _last_layer(plan: Mapping[str, Planned], family: Family, prefix: str) -> dict[str, Planned]:
    """SD2's files have one text layer more than is read: the one it came with, else the layer before it again."""
    layers = int(family.text_encoders[0].config.num_hidden_layers)
    read, unread = (prefix + layer_prefix(layer) for layer in (layers - 1, layers))
    again = {unread + name.removeprefix(read): each for name, each in plan.items() if name.startswith(read)}
    kept = {name: Planned(tuple(each.shape), lambda each=each: each) for name, each in family.spare.items()}
    return again | kept


def _marks(family: Family) -> dict[str, Planned]:
    facts = family.facts
    names = {V_MARK: facts.prediction == "v_prediction", ZERO_SNR_MARK: facts.zero_terminal_snr}
    return {name: Planned((0,), lambda: torch.zeros(0)) for name, is_so in names.items() if is_so}


def spec_of(family: Family) -> dict[str, str]:
    """What every file of the model says of itself, whatever else its metadata hold."""
    return single_file_spec(family.name, family.facts.prediction)


def write_folder(path: Path, family: Family, metadata: Mapping[str, str], stored: Stored) -> None:
    """The model as a diffusers folder that old and new versions of transformers read, whole or not at all.

    Raises:
        TakenError: something is there.
        OSError: no space, or no right to write there.
    """
    about = {**metadata, **spec_of(family), "modelspec.implementation": "diffusers"}
    with drafted_folder(path) as draft:
        write_about(draft, family)
        for part in folder_parts(family):
            plan = planned(part.module, part.layout)
            write_tensors(draft / part.place, plan, about, DTYPES[stored])


class FolderPart(NamedTuple):
    """A module's weights in a folder: their file, and where that and a single file keep each tensor."""

    place: Path
    module: Any
    layout: Layout
    original: Layout


def folder_parts(family: Family) -> list[FolderPart]:
    """What holds weights in the model's folder."""
    name, row = Path("diffusion_pytorch_model.safetensors"), FAMILIES[family.name]
    unet, vae = family.unet, family.vae
    return [
        FolderPart("unet" / name, unet, layout.folder_unet(unet), layout.ldm_unet(unet)),
        FolderPart("vae" / name, vae, layout.folder_vae(vae), layout.ldm_vae(vae)),
        *(
            FolderPart(
                Path(part.folder, "model.safetensors"),
                encoder,
                layout.folder_text(encoder),
                layout.ldm_text(encoder, part),
            )
            for encoder, part in zip(family.text_encoders, row.text, strict=True)
        ),
    ]


def write_about(draft: Path, family: Family) -> None:
    """All that the model's folder holds but weights: configurations, tokenizers, index and scheduler."""
    family.unet.save_config(draft / "unet")
    family.vae.save_config(draft / "vae")
    encoders = zip(family.text_encoders, family.tokenizers, FAMILIES[family.name].text, strict=True)
    for encoder, tokenizer, part in encoders:
        encoder.config.save_pretrained(draft / part.folder)
        write_tokenizer(tokenizer, draft / part.tokenizer_folder)
    _write_configs(draft, family)


def _write_configs(draft: Path, family: Family) -> None:
    """The index and the scheduler, which carries what the model predicts."""
    row = FAMILIES[family.name]
    index = dict(read_json(row.config / "model_index.json"))
    scheduler = dict(family.scheduler_config)
    scheduler.setdefault("_class_name", index["scheduler"][1])
    index["scheduler"] = ["diffusers", scheduler["_class_name"]]
    (draft / "scheduler").mkdir()
    for path, values in (("model_index.json", index), ("scheduler/scheduler_config.json", scheduler)):
        (draft / path).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
