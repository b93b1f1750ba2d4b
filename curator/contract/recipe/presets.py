"""The built-in recipes: their names and texts. Who lists them loads nothing of what a recipe is."""

from __future__ import annotations

from importlib import resources

_FOLDER = resources.files("curator.contract") / "presets"
_SUFFIX = ".toml"


def preset_text(name: str) -> str:
    """The TOML of a built-in recipe."""
    return (_FOLDER / f"{name}{_SUFFIX}").read_text("utf-8")


def presets() -> dict[str, str]:
    """Names of the built-in recipes and what each is for (the first comment of its file)."""
    names = sorted(item.name.removesuffix(_SUFFIX) for item in _FOLDER.iterdir())
    return {name: preset_text(name).partition("\n")[0].lstrip("# ") for name in names}
