"""Words for new things: one token of CLIP, three letters at most, no tag (S023)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curator.contract.caption.clip_tokens import count_tokens
from curator.contract.errors import UserError
from curator.tags.alias_lists import read_names
from curator.tags.identifier import Identifiers
from tests.tags.conftest import Post


@pytest.mark.parametrize("word", ["sks", "shs", "rcn"])
def test_words_that_can_be_used(word: str) -> None:
    """S023: the document's own examples."""
    assert Identifiers().verdict(word).against == ()


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("frog", "4 letters"),
        ("zxq", "2 tokens"),
        ("a b", "no letter"),
        ("x1", "no letter"),
        ("", "no letter"),
        ("é", "no letter"),
        ("\x1b[m", "no letter"),
    ],
)
def test_words_that_cannot(word: str, why: str) -> None:
    assert why in "; ".join(Identifiers().verdict(word).against)


def test_tags_and_aliases_of_the_collection_and_of_a_list(rows: Any, tmp_path: Path) -> None:
    """S023: a word that is a tag already means that tag, however it is written."""
    collection = rows([Post(("SKS", "1girl"))])
    assert "a tag of 1 image here" in Identifiers(collection).verdict("sks").against[0]
    assert not Identifiers(collection).verdict("shs").against
    collection.aliases.put([("shs", "1girl")])
    assert "another name of the tag 1girl" in Identifiers(collection).verdict("shs").against[0]
    (tmp_path / "tags.csv").write_text('shs,0,5,"old_name,rcn"\n')
    (tmp_path / "selected.csv").write_text("tag_id,name,category,count\n1,oar,0,4\n")
    assert read_names(tmp_path / "tags.csv") == {"shs", "old name", "rcn"}
    assert "oar" in read_names(tmp_path / "selected.csv")
    listed = Identifiers(names=read_names(tmp_path / "tags.csv"))
    assert listed.verdict("Shs").against == ("it is a tag of the list",)
    with pytest.raises(UserError):
        read_names(tmp_path / "gone.csv")


def test_free_words_are_free(rows: Any) -> None:
    free = Identifiers().free(20)
    assert len(set(free)) == 20
    assert all(count_tokens(word) == 1 and len(word) <= 3 for word in free)
    assert free[0] not in Identifiers(rows([Post((free[0],))])).free(20)
