"""The tables a user can edit: defaults that pass their own check, changes kept, mistakes that name the place (S035)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.tags.table_text import changes_of
from curator.tags.tables import check, default_tables, keep_changes, read_changes, tables_of


def test_the_defaults_pass_their_own_check() -> None:
    check(default_tables())


def test_changes_are_kept_with_the_collection(rows: Any, tmp_path: Path) -> None:
    collection = rows([])
    file = tmp_path / "mine.toml"
    file.write_text(
        '\ufeff[quality]\npreset = "hakubooru"\n[clean.replace]\nold = "new"\n[order]\nfirst = ["a"]\n',
        "utf-8",
    )
    keep_changes(collection, read_changes(file))
    tables = tables_of(collection)
    assert tables["quality"]["preset"] == "hakubooru"
    assert tables["quality"]["source"] == "fav"
    assert tables["clean"]["replace"] == {"old": "new"}
    assert tables["order"]["first"] == ["a"]
    keep_changes(collection, {})
    assert tables_of(collection) == default_tables()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[qualty]\n", "no 'qualty'"),
        ("[quality]\nprest = 'a'\n", "no 'quality.prest'"),
        ("[quality]\npreset = 3\n", "quality.preset is 3"),
        ("[quality.presets.mine]\ncuts = [50]\n", "quality.presets.mine needs words"),
        ("[quality.presets.mine]\ncuts = [50]\nword = ['a']\n", "no 'quality.presets.mine.word'"),
        ("[rating.words]\ngeneral = 'safe'\n", "rating.words.general is 'safe'"),
        ("[clean.replace]\na = 3\n", "clean.replace.a is 3"),
        ("[clean]\nunderscores = 1\n", "clean.underscores is 1"),
        ("[order]\nclasses = [1]\n", "order.classes[0] is 1"),
        ("[[year.bands]]\nfirst = 2000\nlst = 2001\n", "no 'year.bands.lst'"),
        ("[[clean.several.groups]]\ntags = ['a']\nspare = ['a']\n", "no 'clean.several.groups.spare'"),
        ("nonsense", "mine.toml"),
    ],
)
def test_mistakes_name_the_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        read_changes(file)
    assert says in error.value.what


def test_a_table_nested_without_end_is_a_mistake() -> None:
    with pytest.raises(UserError):
        changes_of("clean", "[clean]\nreplace = " + "[" * 20_000)
