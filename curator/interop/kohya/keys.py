"""Keys of a kohya dataset file: where each may stand, and of which type (S049; reference: kohya.md 1.2).

A key that may "ascend" may stand in a subset, its dataset or [general]; the nearest wins. Unknown keys and wrong types
are errors that name the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from curator.contract.errors import UserError, did_you_mean

Level = Literal["general", "dataset", "subset"]
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a table"}


@dataclass(frozen=True)
class Key:
    """One key: where it may stand, its types, and the value that means "off"."""

    levels: tuple[Level, ...]
    types: tuple[type, ...]
    default: object = None


_DATASET: tuple[Level, ...] = ("general", "dataset")
_SUBSET: tuple[Level, ...] = ("subset",)
_ASCEND: tuple[Level, ...] = ("general", "dataset", "subset")
_NUMBER = (int, float)

KEYS: dict[str, Key] = {
    "resolution": Key(_DATASET, (int, list)),
    "batch_size": Key(_DATASET, (int,), 1),
    "enable_bucket": Key(_DATASET, (bool,), False),
    "min_bucket_reso": Key(_DATASET, (int,), 256),
    "max_bucket_reso": Key(_DATASET, (int,), 1024),
    "bucket_reso_steps": Key(_DATASET, (int,), 64),
    "bucket_no_upscale": Key(_DATASET, (bool,), False),
    "network_multiplier": Key(_DATASET, _NUMBER, 1.0),
    "skip_image_resolution": Key(_DATASET, (int, list)),
    "validation_split": Key(_DATASET, _NUMBER, 0.0),
    "validation_seed": Key(_DATASET, (int,)),
    "resize_interpolation": Key(_ASCEND, (str,)),
    "image_dir": Key(_SUBSET, (str,)),
    "metadata_file": Key(_SUBSET, (str,)),
    "conditioning_data_dir": Key(_SUBSET, (str,)),
    "is_reg": Key(_SUBSET, (bool,), False),
    "alpha_mask": Key(_SUBSET, (bool,), False),
    "class_tokens": Key(_ASCEND, (str,)),
    "caption_extension": Key(_ASCEND, (str,), ".caption"),
    "num_repeats": Key(_ASCEND, (int,), 1),
    "cache_info": Key(_ASCEND, (bool,), False),
    "shuffle_caption": Key(_ASCEND, (bool,), False),
    "keep_tokens": Key(_ASCEND, (int,), 0),
    "keep_tokens_separator": Key(_ASCEND, (str,), ""),
    "caption_separator": Key(_ASCEND, (str,), ","),
    "secondary_separator": Key(_ASCEND, (str,), ""),
    "enable_wildcard": Key(_ASCEND, (bool,), False),
    "caption_prefix": Key(_ASCEND, (str,), ""),
    "caption_suffix": Key(_ASCEND, (str,), ""),
    "caption_dropout_rate": Key(_ASCEND, _NUMBER, 0.0),
    "caption_dropout_every_n_epochs": Key(_ASCEND, (int,), 0),
    "caption_tag_dropout_rate": Key(_ASCEND, _NUMBER, 0.0),
    "token_warmup_min": Key(_ASCEND, (int,), 1),
    "token_warmup_step": Key(_ASCEND, _NUMBER, 0),
    "color_aug": Key(_ASCEND, (bool,), False),
    "flip_aug": Key(_ASCEND, (bool,), False),
    "random_crop": Key(_ASCEND, (bool,), False),
    "face_crop_aug_range": Key(_ASCEND, (list, str)),
    "custom_attributes": Key(_ASCEND, (dict,)),
}
NOT_CARRIED = (
    "network_multiplier", "validation_split", "validation_seed", "conditioning_data_dir", "cache_info", "color_aug",
    "custom_attributes",
)  # fmt: skip


def check(table: object, level: Level, where: str, inner: str = "") -> Mapping[str, Any]:
    """`table` as a mapping whose every key may stand at `level`; `inner` names the list of tables below it.

    Raises:
        UserError: it is no table, or holds an unknown key or a wrong type.
    """
    if not isinstance(table, dict):
        raise UserError(f"{where} is no table", "see kohya's dataset configuration")
    known = [name for name, key in KEYS.items() if level in key.levels]
    for name, value in table.items():
        if name == inner:
            continue
        if name not in known:
            raise UserError(f"{where} has the unknown key '{name}'", _hint(str(name), known))
        _check_type(value, KEYS[name], f"{where}.{name}")
    return table


def tables(table: Mapping[str, Any], name: str, where: str) -> Sequence[object]:
    """The list of tables `name`.

    Raises:
        UserError: there is none, or it is empty.
    """
    found = table.get(name)
    if not isinstance(found, list) or not found:
        raise UserError(f"{where} has no [[{name}]]", "a dataset file lists datasets, and subsets in each")
    return found


def nearest_value(name: str, *levels: Mapping[str, Any]) -> Any:
    """The value of a key by the nearest level that has it, or its default."""
    return next((level[name] for level in levels if level.get(name) is not None), KEYS[name].default)


def _check_type(value: object, key: Key, where: str) -> None:
    fits = isinstance(value, key.types) and (not isinstance(value, bool) or bool in key.types)
    if not fits:
        wanted = " or ".join(dict.fromkeys(_WORDS.get(each, "a list of two numbers") for each in key.types))
        raise UserError(f"{where} is {repr(value)[:60]}", f"give {wanted}")


def _hint(name: str, known: list[str]) -> str:
    if name in KEYS:
        places = ", ".join(KEYS[name].levels)
        return f"it stands in: {places}"
    return did_you_mean(name, known)
