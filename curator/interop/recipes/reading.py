"""Files of other trainers' settings, told apart and read as recipes (B12)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import TEXT_BYTES, decoded, read_regular
from curator.interop.recipes.kohya import translate_kohya
from curator.interop.recipes.kohya_window import is_of_window, options_of_window
from curator.interop.recipes.launch_line import read_launch_line
from curator.interop.recipes.one_trainer import is_one_trainer, translate_one_trainer

if TYPE_CHECKING:
    from curator.interop.recipes.translation import Foreign, ImportedRecipe

_ENDINGS = ".toml, .json, or a script or text with the launch line"


def import_settings(file: Path, script: str = "") -> ImportedRecipe:
    """The recipe of a settings file: sd-scripts' launch line or --config_file, kohya_ss' JSON, or OneTrainer's.

    `script` names the script that a --config_file is for, which the file does not say; without it, the keys tell what
    is trained, and the model of which family it is.

    Raises:
        UserError: no such file, one of nothing known, or of a training that Frieze has not.
    """
    text = _text(file)
    if file.suffix.lower() == ".json":
        return _of_json(_json(text, file), file)
    if file.suffix.lower() == ".toml":
        options = _config(text, file)
        return translate_kohya(script or _script_of(options), options, knows_family=bool(script))
    line = read_launch_line(text, str(file))
    config = line.options.get("config_file")
    below = _config_beside(str(config), file) if isinstance(config, str) else {}
    return translate_kohya(line.script, below | line.options)


def _text(file: Path) -> str:
    try:
        return decoded(read_regular(file, limit_bytes=TEXT_BYTES))[0]
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"there is no file {file}", f"give {_ENDINGS}") from error
    except OSError as error:
        raise UserError(
            f"{file} cannot be read: {error.strerror}", f"give {_ENDINGS}, which may be read"
        ) from error


def _json(text: str, file: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{file} is no JSON: {error}", "mend it, or give the file that the program saved"
        ) from error
    if not isinstance(loaded, dict):
        raise UserError(f"{file} holds no settings", "give the file that the program saved")
    return loaded


def _of_json(settings: Mapping[str, Foreign], file: Path) -> ImportedRecipe:
    if is_one_trainer(settings):
        return translate_one_trainer(settings)
    if is_of_window(settings):
        script, options = options_of_window(settings, str(file))
        return translate_kohya(script, options, "kohya_ss")
    raise UserError(
        f"{file} is of no trainer that Frieze knows", "known: settings saved by OneTrainer, and by kohya_ss"
    )


def _config(text: str, file: Path) -> dict[str, Foreign]:
    """A --config_file: names of sections say nothing."""
    try:
        loaded = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{file}: {error}", "mend the line") from error
    options: dict[str, Foreign] = {}
    for name, value in loaded.items():
        options |= value if isinstance(value, dict) else {name: value}
    if not options:
        raise UserError(f"{file} holds no settings", f"give {_ENDINGS}")
    if "datasets" in loaded:
        raise UserError(
            f"{file} is a file of data, and no settings", f"frieze import {file} --layout kohya-toml"
        )
    return options


def _config_beside(name: str, file: Path) -> dict[str, Foreign]:
    path = Path(name)
    path = path.with_suffix(".toml") if path.suffix != ".toml" else path
    found = next((each for each in (path, file.parent / path) if each.is_file()), None)
    if found is None:
        raise UserError(f"{file} names the settings {path}, which are not there", "put the file beside it")
    return _config(_text(found), found)


def _script_of(options: Mapping[str, Foreign]) -> str:
    """The script that the keys of a --config_file speak of, but for the family of its model."""
    if "network_module" in options or "network_dim" in options:
        return "train_network"
    if "token_string" in options:
        return "train_textual_inversion"
    if "learning_rate_te1" in options or "block_lr" in options:
        return "sdxl_train"
    return "fine_tune" if "in_json" in options or "train_text_encoder" in options else "train_db"
