"""Trackers that are not installed are refused before a run."""

from __future__ import annotations

import importlib.util

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.fields import recipe_fields
from curator.contract.run.trackers import PACKAGES, check_trackers


def test_one_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """S076"""
    there = {"tensorboard"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    check_trackers(["tensorboard"])
    with pytest.raises(UserError, match="names wandb, which is not installed") as error:
        check_trackers(["tensorboard", "wandb"])
    assert "pip install wandb" in error.value.hint


def test_every_choice_has_a_package() -> None:
    assert set(recipe_fields()["log.trackers"].choices) == set(PACKAGES)
