"""`frieze recipe import`: where its recipe is written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.errors import ReplaceableError, UserError
from curator.interop.recipes.translation import ImportedRecipe
from curator.session.training.recipes import import_recipe, write_recipe


@pytest.fixture
def imported(tmp_path: Path) -> ImportedRecipe:
    script = tmp_path / "train.sh"
    script.write_text("accelerate launch train_network.py --network_dim=4 --max_train_steps=9")
    return import_recipe(script)


@pytest.mark.parametrize("replaces", [False, True])
def test_a_folder_is_refused_at_once_and_never_offered_to_be_replaced(
    imported: ImportedRecipe, tmp_path: Path, replaces: bool
) -> None:
    with pytest.raises(UserError, match="is a folder") as refused:
        write_recipe(imported, tmp_path, replaces=replaces)
    assert not isinstance(refused.value, ReplaceableError)
