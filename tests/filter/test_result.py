"""Pages, rows, orders, cancelling, saved filters: what is worked out lazily equals what is whole. Row B03."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.filter import order, scanned
from curator.filter.cancel import Cancelled
from curator.filter.evaluate import select
from curator.filter.language.error import FilterError
from curator.index.bulk_import import BulkImport
from curator.index.changes.edits import AddTags, RemoveTags, RenameTag
from curator.index.collection import Collection
from curator.index.images.new_images import ImageBatch
from curator.index.tables.rows import SavedFilter

COUNT = 3000


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    made = Collection.create(tmp_path_factory.mktemp("result"))
    rng = np.random.default_rng(5)
    with made.writing():
        root = made.images.root("/data")
    with BulkImport(made, "x") as load:
        load.add(
            ImageBatch(
                root,
                [f"{'aB'[k % 2]}/{rng.integers(500)}_{k}.png" for k in range(COUNT)],
                [["all", f"t{k % 5}", f"u{k % 301}"] for k in range(COUNT)],
                [rng.bytes(32) for _ in range(COUNT)],
                rng.integers(1, 50, COUNT) * 1000,
                rng.integers(1, 90, COUNT),
                rng.integers(1, 9000, COUNT),
                rng.integers(1, 10**18, COUNT),
                np.ones(COUNT, np.int64),
                ["Red dress" if k % 10 == 0 else "" for k in range(COUNT)],
            )
        )
    return made


SORTS = [
    "", "sort:width", "sort:-width", "sort:bytes sort:-height", "sort:-ratio", "sort:-date", "sort:path",
    "sort:-name", "sort:-score",
]  # fmt: skip


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("where", ["", "t1", "-t1 width>=40", "limit:70", "t2 limit:40"])
def test_pages_are_pieces_of_the_whole(
    collection: Collection, where: str, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "_FIRST", 60)  # so that first pages are found without putting all in order
    whole = select(collection, f"{where} {sort}").ids.tolist()
    for first, count in ((0, 7), (0, 60), (20, 30), (55, 100), (len(whole) - 3, 10), (10**6, 5)):
        result = select(collection, f"{where} {sort}")
        assert result.page(first, count) == whole[max(0, first) : max(0, first) + count]
    result = select(collection, f"{where} {sort}")
    assert [result.row_of(whole[k]) for k in (0, 39, len(whole) - 1)] == [0, 39, len(whole) - 1]
    assert set(result.bitmap()) == set(whole)
    assert len(result) == len(whole)


def test_a_row_that_is_not_there(collection: Collection) -> None:
    assert select(collection, "t1").row_of(1) is None
    assert select(collection, "limit:5").row_of(6) is None


@pytest.mark.parametrize("field", ["name", "path"])
def test_sorting_texts_one_by_one_or_all_at_once(
    collection: Collection, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = select(collection, f"t3 sort:{field}").ids.tolist()
    monkeypatch.setattr(scanned, "_FEW", 0)
    assert select(collection, f"t3 sort:{field}").ids.tolist() == one_by_one
    rows = collection.rows(one_by_one)
    texts = [(row.name if field == "name" else row.full_path).lower() for row in rows]
    assert texts == sorted(texts)


@pytest.mark.parametrize("text", ["caption:DRESS", "caption:/^red/", "path:B/4", "name:/^1.*7/", "name:Ü"])
def test_text_in_few_images_or_many(
    collection: Collection, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = select(collection, f"t0 {text}").ids.tolist()
    monkeypatch.setattr("curator.index.images.row_text._FEW", 0)
    assert select(collection, f"t0 {text}").ids.tolist() == few
    with collection.reading():
        assert select(collection, f"t0 {text}").ids.tolist() == few


def test_looking_for_text_keeps_nobody_waiting(collection: Collection) -> None:
    """While one thread walks over all paths, another reads through the same collection."""
    inside, go_on = threading.Event(), threading.Event()
    found: list[int] = []

    def cancel() -> bool:
        inside.set()
        go_on.wait(600)
        return False

    walker = threading.Thread(target=lambda: found.append(len(select(collection, "path:/_1/", cancel))))
    walker.start()
    assert inside.wait(600)
    reader = threading.Thread(target=lambda: found.append(len(select(collection, "t1"))))
    reader.start()
    reader.join(600)
    assert found == [COUNT // 5]
    go_on.set()
    walker.join(600)
    assert len(found) == 2


@pytest.mark.parametrize("text", ["t1", "path:x", "name:/x/", "(t1 OR t2) -t3"])
def test_a_question_taken_back_ends(collection: Collection, text: str) -> None:
    with pytest.raises(Cancelled):
        select(collection, text, lambda: True)
    assert len(select(collection, "t1", lambda: False)) == COUNT // 5


def test_many_brackets_around_text_end(collection: Collection) -> None:
    text = "(t1 " * 90 + "caption:red" + ")" * 90
    assert len(select(collection, text)) == len(select(collection, "t1 caption:red"))


def test_saved_filters(collection: Collection) -> None:
    collection.saved_filters.save(SavedFilter("reds", "caption:red t0"))
    collection.saved_filters.save(SavedFilter("few", "saved:reds sort:-width limit:3"))
    collection.saved_filters.save(SavedFilter("loop", "t1 saved:loop"))
    assert len(select(collection, "saved:reds")) == COUNT // 10
    assert set(select(collection, "saved:few").ids) == set(
        select(collection, "saved:reds sort:-width limit:3").ids
    )
    with pytest.raises(FilterError, match="names itself"):
        select(collection, "saved:loop")
    with pytest.raises(FilterError, match="no saved filter 'rds'") as caught:
        select(collection, "t1 saved:rds")
    assert caught.value.position == 3
    assert collection.saved_filters.remove("loop")
    assert not collection.saved_filters.remove("loop")


@given(
    low=st.integers(0, 100),
    span=st.integers(0, 60),
    tag=st.sampled_from(["t1", "u7", "all"]),
    no=st.booleans(),
)
def test_numbers_asked_of_few_images_or_of_all(
    collection: Collection, low: int, span: int, tag: str, no: bool
) -> None:
    term = f"{'-' if no else ''}width:{low}..{low + span}"
    widths = collection.columns.of("width")
    expected = [
        image for image in select(collection, tag).ids.tolist() if (low <= widths[image] <= low + span) != no
    ]
    assert select(collection, f"{tag} {term}").ids.tolist() == expected


def test_filters_before_amid_and_after_a_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a filter, a count and an order say does not depend on how far edits have reached the rows."""
    monkeypatch.setattr("curator.index.editing.fold.ROWS_PER_PIECE", 100)
    monkeypatch.setattr("curator.index.editing.fold.AT_ONCE", 0)
    made = Collection.create(tmp_path)
    with made.writing():
        root = made.images.root("/data")
    with BulkImport(made, "x") as load:
        numbers = np.arange(1, 1001)
        tags = [["a", f"t{k % 3}", "z"] for k in range(1000)]
        contents = [bytes(32)] * 1000
        load.add(
            ImageBatch(root, [f"{k}.png" for k in range(1000)], tags, contents, *[numbers] * 4, numbers % 3)
        )
    made.apply(AddTags(("new", "second"), "start"))
    made.apply(RemoveTags(("t1",)))
    made.apply(RenameTag("t2", "a"), range(1, 700))
    texts = ["new -t2", "t1", "tags>=4 sort:-tags", "tags:4 a", "a sort:-bytes limit:9", "second OR t0"]

    def said() -> list[object]:
        names = made.tag_names([1, 2, 3, 500, 999])
        return [names, *([len(select(made, text)), select(made, text).ids.tolist()] for text in texts)]

    at_once = said()
    assert made.waiting() == 1000
    while made.waiting():
        with made.writing():
            from curator.index.editing.fold import fold_piece

            fold_piece(made._store)
        assert said() == at_once
    assert Collection.open(tmp_path).check() == []


def test_a_wildcard_is_given_up_between_two_of_its_tags(collection: Collection) -> None:
    """Thousands of tags may fit it; whoever types the next letter does not wait for them."""
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return False

    select(collection, "t1", cancel)
    once, asked = asked, 0
    select(collection, "t*", cancel)
    assert asked >= once + len(collection.tags.matching("t*")) - 1
    assert len(collection.tags.matching("t*")) > 3
