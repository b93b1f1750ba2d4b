"""Trackers that are not installed are refused before a run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.fields import recipe_fields
from curator.contract.run.trackers import PACKAGES, check_trackers


def test_one_that_is_not_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S076: the folder that wandb makes for its runs is no package."""
    (tmp_path / "tensorboard.py").write_text("")
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    check_trackers(["tensorboard"])
    with pytest.raises(UserError, match="names wandb, which is not installed") as error:
        check_trackers(["tensorboard", "wandb"])
    assert "pip install wandb" in error.value.hint


def test_every_choice_has_a_package() -> None:
    assert set(recipe_fields()["log.trackers"].choices) == set(PACKAGES)
