"""The plan of an edit, a pure function from a snapshot to changes: by tables, and against plain lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract import varint
from curator.contract.errors import UserError
from curator.index.changes.changes import (
    CaptionsReplaced,
    Change,
    ChangeSet,
    Classed,
    FlagChange,
    NewTag,
    Renamed,
    TagChange,
    TagMoved,
    TagsReplaced,
    touched,
)
from curator.index.changes.edits import (
    AddAndRemoveTags,
    AddTags,
    Annotations,
    Edit,
    EditGroup,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)
from curator.index.editing.plan import plan
from curator.index.editing.snapshot import Snapshot
from curator.index.sets.bitmaps import Flag
from curator.index.tags.tag_names import folded
from curator.index.tags.tag_table import Tag

GIRL, SOLO, SMILE, HAIR = 16, 17, 18, 19
NAMES = {GIRL: "1girl", SOLO: "solo", SMILE: "smile", HAIR: "long hair"}
FREE = 20
LISTS = {1: [GIRL, SOLO, HAIR], 2: [GIRL, SMILE], 3: []}
ASKED = (*NAMES.values(), "LONG_HAIR", "new", "newer")


def snapshot(
    lists: Mapping[int, Sequence[int]],
    images: Sequence[int] | None = None,
    captions: Mapping[int, str] | None = None,
) -> Snapshot:
    """What would be read of an index with these tag lists; every image is there."""
    chosen = BitMap(lists if images is None else images)
    bitmaps = {tag: BitMap(image for image, row in lists.items() if tag in row) for tag in NAMES}
    known = [Tag(tag, name, "general", len(bitmaps[tag])) for tag, name in NAMES.items()]
    counts = np.zeros(max(lists) + 1, np.uint32)
    counts[list(lists)] = [len(row) for row in lists.values()]
    return Snapshot(
        images=chosen,
        alive=BitMap(lists),
        first_free=FREE,
        spellings={name: [tag for tag in known if folded(tag.name) == folded(name)] for name in ASKED},
        bitmaps={**bitmaps, int(Flag.KEEP): BitMap([1]), int(Flag.REJECT): BitMap([2])},
        ids={name: tag for tag, name in NAMES.items()},
        tag_counts=counts,
        tag_lists={image: varint.pack(lists[image]) for image in chosen},
        captions={image: (captions or {}).get(image, "") for image in chosen},
    )


def places(*numbers: int) -> bytes:
    return np.array(numbers, "<u4").tobytes()


def packed(*rows: Sequence[int]) -> tuple[bytes, ...]:
    return tuple(map(varint.pack, rows))


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (AddTags(("smile",)), [TagChange(SMILE, BitMap([1, 3]), True)]),
        (AddTags(("1girl",), 0), [TagChange(GIRL, BitMap([3]), True, places(0))]),
        (
            AddTags(("smile", "solo"), "start"),  # where the first is added, the second goes behind it
            [
                TagChange(SMILE, BitMap([1, 3]), True, places(0, 0)),
                TagChange(SOLO, BitMap([2, 3]), True, places(0, 1)),
            ],
        ),
        (AddTags(("smile",), 2), [TagChange(SMILE, BitMap([1, 3]), True, places(2, 0))]),
        (AddTags(("LONG_HAIR",)), [TagChange(HAIR, BitMap([2, 3]), True)]),
        (
            RemoveTags(("1girl", "smile", "new")),
            [TagChange(GIRL, BitMap([1, 2]), False), TagChange(SMILE, BitMap([2]), False)],
        ),
        (
            AddAndRemoveTags((("smile", BitMap([1, 2, 9])),), (("solo", BitMap([1, 2])),)),
            [TagChange(SOLO, BitMap([1]), False), TagChange(SMILE, BitMap([1]), True)],
        ),
        (RenameTag("solo", "smile"), [TagMoved(SOLO, SMILE, BitMap([1]), BitMap())]),
        (RenameTag("1girl", "smile"), [TagMoved(GIRL, SMILE, BitMap([1, 2]), BitMap([2]))]),
        (RenameTag("solo", "LONG_HAIR"), [TagMoved(SOLO, HAIR, BitMap([1]), BitMap([1]))]),
        (RenameTag("1girl", "new"), [Renamed(GIRL, "1girl", "new", BitMap([1, 2]))]),
        (RenameTag("long hair", "LONG_HAIR"), [Renamed(HAIR, "long hair", "LONG_HAIR", BitMap([1]))]),
        (RenameTag("new", "smile"), []),
        (SetMark(1), [FlagChange(Flag.KEEP, BitMap([2, 3]), BitMap()), FlagChange(Flag.REJECT, BitMap(), BitMap([2]))]),
        (SetMark(0), [FlagChange(Flag.KEEP, BitMap(), BitMap([1])), FlagChange(Flag.REJECT, BitMap(), BitMap([2]))]),
        (SetClass(("solo", "LONG_HAIR"), "x"), [Classed((SOLO, HAIR), ("general",) * 2, ("x",) * 2)]),
        (SetClass(("solo",), "general"), []),
        (SetCaption("a"), [CaptionsReplaced(BitMap([1, 3]), ("", ""), ("a", "a"))]),
        (
            Rewrite((Annotations(2, ("smile", "1girl", "smile"), "b"), Annotations(1, ("1girl", "solo", "long hair")))),
            [
                TagsReplaced(BitMap([2]), packed([GIRL, SMILE]), packed([SMILE, GIRL])),
                CaptionsReplaced(BitMap([2]), ("a",), ("b",)),
            ],
        ),
        (Rewrite((Annotations(2, None, "a"),)), []),
    ],
)  # fmt: skip
def test_changes_are_exactly_what_differs(edit: Edit, changes: list[Change]) -> None:
    known = snapshot(LISTS, captions={2: "a"})
    if isinstance(edit, Rewrite):  # the reader gives the rows that are rewritten
        tagged = [each.image for each in edit.annotations if each.tags is not None]
        captioned = [each.image for each in edit.annotations if each.caption is not None]
        known = replace(
            known,
            tag_lists={image: known.tag_lists[image] for image in sorted(tagged)},
            captions={image: known.captions[image] for image in sorted(captioned)},
        )
    found = plan(edit, known)
    assert list(found.changes) == changes
    assert found.new_tags == ()


def test_unknown_names_get_the_next_ids_once_and_only_where_they_are_used() -> None:
    made = plan(AddTags(("new", "smile", "newer")), snapshot(LISTS, [2]))
    assert made.changes == (TagChange(FREE, BitMap([2]), True), TagChange(FREE + 1, BitMap([2]), True))
    assert made.new_tags == (NewTag(FREE, "new", "general"), NewTag(FREE + 1, "newer", "general"))
    assert made.summary == "add 'new', 'smile', 'newer'"
    assert plan(AddAndRemoveTags((("new", BitMap([9])),)), snapshot(LISTS)) == ChangeSet("rule")


def test_a_rename_of_some_images_makes_a_tag_of_the_same_class() -> None:
    known = snapshot(LISTS, [2])
    (girl,) = known.spellings["1girl"]
    spelled = {**known.spellings, "1girl": [replace(girl, cls="count")]}
    made = plan(RenameTag("1girl", "new"), replace(known, spellings=spelled))
    assert made.changes == (TagMoved(GIRL, FREE, BitMap([2]), BitMap()),)
    assert made.new_tags == (NewTag(FREE, "new", "count"),)


def test_two_spellings_on_one_image_become_one_tag() -> None:
    known = snapshot({1: [SOLO, SMILE], 2: [SMILE], 3: []})
    both = [Tag(SMILE, "SOLO", "general", 2), Tag(SOLO, "solo", "general", 1)]
    made = plan(RenameTag("solo", "new"), replace(known, spellings={**known.spellings, "solo": both}))
    first, second = (
        TagMoved(SMILE, FREE, BitMap([1, 2]), BitMap()),
        TagMoved(SOLO, FREE, BitMap([1]), BitMap([1])),
    )
    assert made.changes == (first, second)


def test_images_whose_file_is_gone_follow_a_rename_of_all_that_are_there() -> None:
    known = replace(snapshot(LISTS, [1]), alive=BitMap([1, 3]))
    assert plan(RenameTag("1girl", "new"), known).changes == (Renamed(GIRL, "1girl", "new", BitMap([1, 2])),)


def test_the_edits_of_a_group_share_the_tags_they_make() -> None:
    parts = (
        (Rewrite((Annotations(1, ("new", "solo")),)), BitMap([1])),
        (Rewrite((Annotations(2, ("newer", "new")),)), BitMap([2])),
        (SetMark(-1), BitMap([1, 3])),
    )
    known = replace(snapshot(LISTS), parts=[snapshot(LISTS, list(some)) for _, some in parts])
    parts_known = [replace(each, captions={}) for each in known.parts]
    made = plan(EditGroup(parts, "both"), replace(known, parts=parts_known))
    assert made.changes[:2] == (
        TagsReplaced(BitMap([1]), packed(LISTS[1]), packed([FREE, SOLO])),
        TagsReplaced(BitMap([2]), packed(LISTS[2]), packed([FREE + 1, FREE])),
    )
    assert made.changes[2:] == (
        FlagChange(Flag.KEEP, BitMap(), BitMap([1])),
        FlagChange(Flag.REJECT, BitMap([1, 3]), BitMap()),
    )
    assert [tag.name for tag in made.new_tags] == ["new", "newer"]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (ReorderTags(("solo", "1girl")), "does not have exactly these tags"),
        (ReorderTags(("solo", "1girl", "new")), "does not have exactly these tags"),
        (SetMark(2), "is no mark"),
        (SetClass(("solo",), "two words"), "is no class"),
        (SetCaption("a\udcff"), "broken character"),
    ],
)
def test_what_cannot_be_done_is_refused(edit: Edit, told: str) -> None:
    with pytest.raises(UserError, match=told):
        plan(edit, snapshot(LISTS, [1]))


row = st.lists(st.sampled_from(list(NAMES)), max_size=4, unique=True)
rows = st.lists(row, min_size=1, max_size=5)
asked = st.sampled_from(ASKED)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(
        AddTags,
        st.lists(asked, min_size=1, max_size=3, unique_by=folded).map(tuple),
        st.one_of(st.sampled_from(["start", "end"]), st.integers(0, 5)),
    ),
    st.builds(RemoveTags, st.lists(asked, min_size=1, max_size=3).map(tuple)),
    st.builds(RenameTag, asked, asked),
    st.builds(SetCaption, st.sampled_from(["", "a", "b"])),
    st.builds(SetMark, st.sampled_from([-1, 0, 1])),
)


@given(rows, edits, st.sets(st.integers(1, 5)), st.dictionaries(st.integers(1, 5), st.sampled_from("ab")))
def test_a_plan_makes_of_plain_lists_what_the_edit_says(
    rows: list[list[int]], edit: Edit, images: set[int], captions: dict[int, str]
) -> None:
    lists = dict(enumerate(rows, 1))
    known = snapshot(lists, sorted(images & set(lists)), captions)
    before = repr(known)
    made = plan(edit, known)
    assert repr(known) == before, "a plan changes nothing that it was given"
    assert touched(made.changes) <= known.images or isinstance(edit, RenameTag)
    names = {**NAMES, **{tag.id: tag.name for tag in made.new_tags}}
    after = {image: list(row) for image, row in lists.items()}
    for change in made.changes:
        carry_out(change, after, names)
        check_other_than_tags(change, edit, known)
    shown = {image: [names[tag] for tag in row] for image, row in after.items()}
    expected = {
        image: expect(edit, [NAMES[tag] for tag in row]) if image in known.images else [NAMES[tag] for tag in row]
        for image, row in lists.items()
    }  # fmt: skip
    if isinstance(edit, RenameTag):  # spelled anew everywhere or nowhere; the ids say which tags are one
        assert {i: list(map(folded, row)) for i, row in shown.items()} == {
            i: list(map(folded, row)) for i, row in expected.items()
        }
    else:
        assert shown == expected
    assert [tag.id for tag in made.new_tags] == list(range(FREE, FREE + len(made.new_tags)))


def carry_out(change: Change, lists: dict[int, list[int]], names: dict[int, str]) -> None:
    """A change on plain lists."""
    match change:
        case TagChange(tag, images, added, positions):
            at = [None] * len(images) if positions is None else np.frombuffer(positions, "<u4").tolist()
            for image, place in zip(images, at, strict=True):
                assert (tag in lists[image]) is not added
                if added:
                    lists[image].insert(len(lists[image]) if place is None else place, tag)
                else:
                    lists[image].remove(tag)
        case TagMoved(old, new, images, both):
            for image in images:
                assert (new in lists[image]) is (image in both)
                kept = [new if tag == old else tag for tag in lists[image]]
                lists[image] = [tag for tag in lists[image] if tag != old] if image in both else kept
        case Renamed(tag, before, after, _):
            assert names[tag] == before
            names[tag] = after
        case _:
            pass


def check_other_than_tags(change: Change, edit: Edit, known: Snapshot) -> None:
    match change, edit:
        case CaptionsReplaced(images, old, new), SetCaption(text):
            assert images == BitMap(image for image, told in known.captions.items() if told != text)
            assert old == tuple(known.captions[image] for image in images)
            assert set(new) == {text}
        case FlagChange(flag, gained, lost), SetMark(mark):
            marked = mark == {Flag.KEEP: 1, Flag.REJECT: -1}[Flag(flag)]
            now = known.bitmaps[flag]
            assert (gained, lost) == (
                (known.images - now, BitMap()) if marked else (BitMap(), known.images & now)
            )
        case _:
            assert isinstance(change, TagChange | TagMoved | Renamed)


def expect(edit: Edit, row: list[str]) -> list[str]:
    """What an edit makes of one image's tags, said plainly."""
    keys = [folded(name) for name in row]
    spelled = {folded(name): name for name in NAMES.values()}
    match edit:
        case AddTags(names, at):
            fresh = [spelled.get(folded(name), name) for name in names if folded(name) not in keys]
            place = 0 if at == "start" else len(row) if at == "end" else min(at, len(row))
            return [*row[:place], *fresh, *row[place:]]
        case RemoveTags(names):
            return [name for name in row if folded(name) not in set(map(folded, names))]
        case RenameTag(old, new) if folded(old) != folded(new):
            kept = [name for name in row if folded(name) != folded(old)]
            return (
                kept
                if folded(new) in keys
                else [new if folded(name) == folded(old) else name for name in row]
            )
        case _:
            return row
