"""What a model is, file or folder: family or kind, numbers, origin, and who reads it, from its headers alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from curator.contract.base_model.content import content_of, not_readable
from curator.contract.base_model.facts import facts_of_file, facts_of_folder
from curator.contract.base_model.family import FAMILIES
from curator.contract.base_model.file_hashes import FileHashes, FolderHashes, hashes_of, hashes_of_folder
from curator.contract.base_model.safetensors_header import read_header
from curator.contract.errors import UserError
from curator.contract.files.json_data import object_of
from curator.contract.merging.adapters import BAKE_KEY, JOIN_KEY
from curator.contract.merging.recipe import METADATA_KEY as MERGE_KEY
from curator.contract.run.origin import ORIGIN, RECIPE, origin_of
from curator.contract.text import counted
from curator.runs.launch import check_installed
from curator.runs.programs.model_folder import Component, Header, components_of, weights_of
from curator.runs.programs.trainer_programs import answer_to

_RECIPES = (MERGE_KEY, BAKE_KEY, JOIN_KEY)
_TOLD_BY_EXPLAIN = (ORIGIN, RECIPE)  # long, and led back to by `frieze model explain`
_SPEC = "modelspec."
_THUMBNAIL = f"{_SPEC}thumbnail"
_LONGEST_SHOWN = 200
_TAGS_SHOWN = 20


class _Kind(NamedTuple):
    """A kind of adapter or embedding: the end of a tensor's name that tells it, and who reads it."""

    mark: str
    name: str
    clients: tuple[str, ...]


_ALL = ("AUTOMATIC1111", "Forge", "ComfyUI", "diffusers")
_WEB_AND_COMFY = ("AUTOMATIC1111", "Forge", "ComfyUI")
_KINDS = (  # the first that is there counts
    _Kind("dora_scale", "DoRA", _WEB_AND_COMFY),
    _Kind("lora_magnitude_vector", "DoRA", ("ComfyUI", "diffusers")),
    _Kind("hada_w1_a", "LoHa", _WEB_AND_COMFY),
    _Kind("lokr_w1", "LoKr", _WEB_AND_COMFY),
    _Kind("lokr_w1_a", "LoKr", _WEB_AND_COMFY),
    _Kind("oft_blocks", "OFT", _WEB_AND_COMFY),
    _Kind("a1.weight", "GLoRA", _WEB_AND_COMFY),
    _Kind("on_input", "IA3", ("AUTOMATIC1111", "Forge")),
    _Kind("lora_mid.weight", "LoCon with a Tucker core", _WEB_AND_COMFY),
    _Kind("lora_down.weight", "LoRA", _ALL),
    _Kind("lora.down.weight", "LoRA", ("ComfyUI", "diffusers")),
    _Kind("lora_A.weight", "LoRA", ("ComfyUI", "diffusers")),
)
_DOWN = re.compile(r"(?:lora_down|lora\.down|lora_A)\.weight$")
_EMBEDDING = ("emb_params", "clip_l", "clip_g", "string_to_param.*")
_WIDTHS = (
    768,
    1024,
    1280,
)  # of the text encoders, which a lone tensor of another name has if it is an embedding
_TRAINING = {  # ss_ keys, in words
    "ss_base_model_version": "base",
    "ss_sd_model_name": "base model",
    "ss_network_module": "network",
    "ss_network_dim": "rank",
    "ss_network_alpha": "alpha",
    "ss_learning_rate": "learning rate",
    "ss_unet_lr": "learning rate of the UNet",
    "ss_text_encoder_lr": "learning rate of text encoders",
    "ss_optimizer": "optimiser",
    "ss_lr_scheduler": "schedule",
    "ss_num_train_images": "images, repeats counted",
    "ss_num_epochs": "epochs",
    "ss_steps": "steps",
    "ss_resolution": "training resolution",
    "ss_clip_skip": "clip skip",
    "ss_seed": "seed",
}


@dataclass(frozen=True)
class ModelInfo:
    """`kind` is a family, a kind of adapter, or in words what else. `dtypes` counts tensors, `ranks` modules.

    `metadata` is what the file says of itself and is not told elsewhere; `thumbnail_bytes` is 0 where there is none.
    Of a folder, `bytes` and `tensors` are those of its `components`, and what it says is said by its UNet.
    """

    path: str
    kind: str
    bytes: int
    tensors: int
    numbers: int
    dtypes: dict[str, int]
    prediction: str | None
    has_vae: bool
    ranks: dict[str, int]
    clients: list[str]
    modelspec: dict[str, str]
    training: dict[str, str]
    trigger_words: list[str]
    ancestors: list[str]
    merge: str
    thumbnail_bytes: int
    metadata: dict[str, str]
    components: list[Component]


def info_of(path: Path) -> ModelInfo:
    """What a model file, or a diffusers folder, says of itself.

    Raises:
        UserError: there is none, or a damaged one; or only PyTorch could read it and it is not installed.
    """
    return _of_folder(path) if path.is_dir() else _of_file(path)


def _of_folder(folder: Path) -> ModelInfo:
    facts = facts_of_folder(folder)
    try:
        headers = {path: _header(path) for path in weights_of(folder)}
        components = list(components_of(folder, headers.__getitem__))
    except OSError as error:
        raise _unreadable(folder, error) from error
    dtypes = Counter[str]()
    for each in components:
        dtypes.update(each.dtypes)
    said = next((header.metadata for path, header in headers.items() if path.parent.name == "unet"), {})
    return ModelInfo(
        path=str(folder.absolute()),
        kind=facts.kind,
        bytes=sum(each.bytes for each in components),
        tensors=sum(each.tensors for each in components),
        numbers=sum(each.numbers for each in components),
        dtypes=dict(dtypes.most_common()),
        prediction=facts.said.prediction,
        has_vae=facts.has_vae,
        ranks={},
        clients=["diffusers"] if facts.kind in FAMILIES else [],
        components=components,
        **_told(said),
    )


def _of_file(path: Path) -> ModelInfo:
    header = _header(path)
    shapes = {name: shape for name, (_, shape) in header.tensors.items()}
    facts = facts_of_file(shapes, header.metadata)
    kind, clients = _kind(shapes, facts.kind)
    return ModelInfo(
        path=str(path.absolute()),
        kind=kind,
        bytes=path.stat().st_size,
        tensors=len(shapes),
        numbers=sum(map(prod, shapes.values())),
        dtypes=dict(Counter(dtype for dtype, _ in header.tensors.values()).most_common()),
        prediction=facts.said.prediction,
        has_vae=facts.has_vae,
        ranks=_ranks(shapes),
        clients=list(clients),
        components=[],
        **_told(header.metadata),
    )


class _Told(TypedDict):
    """What metadata say, as `ModelInfo` has it."""

    modelspec: dict[str, str]
    training: dict[str, str]
    trigger_words: list[str]
    ancestors: list[str]
    merge: str
    thumbnail_bytes: int
    metadata: dict[str, str]


def _told(about: Mapping[str, str]) -> _Told:
    return _Told(
        modelspec=_spec(about),
        training=_training(about),
        trigger_words=_trigger_words(about),
        ancestors=[each for each in about.get(f"{_SPEC}merged_from", "").split(", ") if each],
        merge="\n".join(about[key] for key in _RECIPES if key in about),
        thumbnail_bytes=_thumbnail_bytes(about.get(_THUMBNAIL, "")),
        metadata={
            key: value[:_LONGEST_SHOWN]
            for key, value in sorted(about.items())
            if not key.startswith(_SPEC) and key not in (*_TRAINING, *_RECIPES, *_TOLD_BY_EXPLAIN)
        },
    )


def hashes(path: Path) -> FileHashes | FolderHashes:
    """The hashes by which sites and programs know a file, and those of a diffusers folder.

    Raises:
        UserError: there is none, or it is no safetensors file.
    """
    try:
        if path.is_dir():
            weights = list(weights_of(path))
            for each in weights:
                if each.suffix == ".safetensors":
                    read_header(each)
            return hashes_of_folder(path, weights)
        if content_of(path) != "safetensors":
            raise not_readable(path, "is a pickle, whose tensors have no hash", "give a .safetensors file")
        read_header(path)
        return hashes_of(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _header(path: Path) -> Header:
    try:
        if content_of(path) == "safetensors":
            header = read_header(path)
            return Header(
                {name: (each.dtype, each.shape) for name, each in header.tensors.items()}, header.metadata
            )
    except OSError as error:
        raise _unreadable(path, error) from error
    check_installed()
    answer = answer_to(
        ("-m", "train.programs.workshop.list_tensors", "--", str(path)), "", "the look at the file"
    )
    return Header({name: (dtype, tuple(shape)) for name, (dtype, shape) in answer.items()}, {})


def _unreadable(path: Path, error: OSError) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(f"there is no model file {path!s}", "give a .safetensors file")
    return not_readable(path, f"cannot be read: {error.strerror}", "give a file, with the right to read it")


def _kind(shapes: Mapping[str, tuple[int, ...]], family: str) -> tuple[str, tuple[str, ...]]:
    if family in FAMILIES:
        return family, _ALL
    for kind in _KINDS:
        if any(name.endswith(kind.mark) for name in shapes):
            return kind.name, kind.clients
    is_lone = len(shapes) == 1 and all(
        shape[-1:] in [(width,) for width in _WIDTHS] for shape in shapes.values()
    )
    if shapes and ((is_lone and family not in ("a LoRA", "a VAE")) or set(shapes) <= set(_EMBEDDING)):
        vectors = max(shape[0] if len(shape) == 2 else 1 for shape in shapes.values())
        return f"an embedding of {counted(vectors, 'vector')}", _ALL
    return family, ()


def _ranks(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Modules by rank, of adapters with a matrix down."""
    ranks = Counter(shape[0] for name, shape in shapes.items() if _DOWN.search(name) and shape)
    return {str(rank): count for rank, count in sorted(ranks.items())}


def _spec(about: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in about.items() if key.startswith(_SPEC) and key != _THUMBNAIL}
    return {key.removeprefix(_SPEC): value for key, value in sorted(kept.items())}


def _training(about: Mapping[str, str]) -> dict[str, str]:
    """kohya's keys in words, and the run and manifest of weights that Frieze trained."""
    said = {word: about[key] for key, word in _TRAINING.items() if key in about}
    origin = origin_of(about)
    return said if origin is None else said | {"run": origin.run, "manifest": origin.manifest}


def _thumbnail_bytes(said: str) -> int:
    """The size of the image in a data URL; of another address the length of that."""
    head, comma, data = said.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return len(said)
    return len(data) * 3 // 4 - data[-2:].count("=")


def _trigger_words(about: Mapping[str, str]) -> list[str]:
    """The trigger phrase, then the tags the training met most."""
    found = [word for word in about.get(f"{_SPEC}trigger_phrase", "").split(", ") if word]
    counts: Counter[str] = Counter()
    for tags in _object(about.get("ss_tag_frequency", "")).values():
        if isinstance(tags, dict):
            counts.update({tag.strip(): count for tag, count in tags.items() if isinstance(count, int)})
    return [*found, *(tag for tag, _ in counts.most_common(_TAGS_SHOWN) if tag not in found)]


def _object(text: str) -> dict[str, Any]:
    try:
        return object_of(text)
    except ValueError:
        return {}
