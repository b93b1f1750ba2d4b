"""Tags found in one look at the table: the same, in the same order, as in the text of all names kept in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.index.collection import Collection
from curator.index.file.database import Database
from curator.index.images.image_facts import FileFacts
from curator.index.schema.migrations import STEPS
from curator.index.schema.version import FORMAT
from curator.index.tags.tag_listing import find_tags, used_tags
from tests.images import NewImage, add_images

NAMES = [
    "long hair", "long_hair", "very long hair", "Hair Long", "blonde hair", "hair", "hairband", "chair", "x_x", "x x",
    "saber (fate)", "fate", "é", "e", "E", "aaa", "aa", "a", "o_o", "100%", "mañana",
]  # fmt: skip
ALIASES = {"lockenhaar": "blonde hair", "long tresses": "long hair", "haar": "hair", "hair piece": "hairband"}


def test_the_format_counts_the_steps() -> None:
    assert len(STEPS) == FORMAT


@settings(max_examples=40, deadline=None)
@given(
    images=st.lists(st.lists(st.sampled_from(NAMES), max_size=8, unique=True), min_size=1, max_size=6),
    typed=st.one_of(
        st.sampled_from([*NAMES, *ALIASES, "", " ", "ha", "long", "_", "(", "a", "z", "%", "HAIR"]),
        st.text(max_size=3),
    ),
    limit=st.integers(1, 30),
)
def test_both_ways_find_the_same(
    tmp_path_factory: pytest.TempPathFactory, images: list[list[str]], typed: str, limit: int
) -> None:
    folder = tmp_path_factory.mktemp("index")
    with Collection.create(folder) as collection:
        root = collection.images.root("/pictures")
        facts = [FileFacts(bytes([number]) * 32, 1, 1, 64, 64, "png") for number in range(len(images))]
        new = [
            NewImage(root, f"{number}.png", facts[number], tuple(tags)) for number, tags in enumerate(images)
        ]
        add_images(collection, new)
        collection.aliases.put(ALIASES.items())
        collection.compact()
        kept = collection.find_tags(typed, limit)
        every = collection.all_tags()
    database = Database.open(folder / "frieze.db")
    try:
        with database.reading() as connection:
            assert connection.execute("SELECT count(*) FROM late").fetchone() == (0,)
            assert find_tags(connection, typed, limit) == kept
            assert used_tags(connection) == every
    finally:
        database.close()
