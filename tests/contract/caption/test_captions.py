from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.contract.caption.captions import (
    CaptionRules,
    caption_of,
    split_caption,
    stored_rules,
    without_chance,
)
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError

TAGS = ("1girl", "solo", "long hair", "smile", "outdoors")


def caption(rules: CaptionRules, epoch: int = 0, row: int = 0, text: str = "") -> str:
    return caption_of(split_caption(TAGS, text, rules), rules, 42, Sample(epoch, row, 0))


def test_without_rules_the_caption_is_the_tags() -> None:
    assert caption(CaptionRules()) == "1girl, solo, long hair, smile, outdoors"


def test_text_follows_the_tags() -> None:
    assert caption(CaptionRules(), text="a girl smiles").endswith("outdoors, a girl smiles")


def test_a_trigger_leads_and_stands_once() -> None:
    """S022."""
    assert caption(CaptionRules(trigger="smile", shuffle=True)).split(", ")[0] == "smile"
    assert caption(CaptionRules(trigger="smile")).count("smile") == 1


@given(st.integers(0, 5), st.integers(0, 50))
def test_the_head_never_moves(keep: int, epoch: int) -> None:
    """S017, S021: keep_tags hold their places, the rest is shuffled."""
    rules = CaptionRules(shuffle=True, keep_tags=keep)
    words = caption(rules, epoch).split(", ")
    assert words[:keep] == list(TAGS[:keep])
    assert sorted(words) == sorted(TAGS)


def test_two_epochs_differ_and_one_repeats() -> None:
    """S017: same (seed, epoch, item), same order."""
    rules = CaptionRules(shuffle=True)
    assert len({caption(rules, epoch) for epoch in range(20)}) > 10
    assert caption(rules, 3) == caption(rules, 3)


def test_tags_drop_at_their_rate() -> None:
    """S018: 0.10 within three standard deviations over 100k draws; the head never drops."""
    rules = CaptionRules(tag_dropout=0.1, keep_tags=1)
    kept = [caption(rules, row=row).split(", ") for row in range(25_000)]
    assert all(words[0] == "1girl" for words in kept)
    dropped = 4 * len(kept) - sum(len(words) - 1 for words in kept)
    assert dropped / (4 * len(kept)) == pytest.approx(0.1, abs=3 * (0.1 * 0.9 / 100_000) ** 0.5)


def test_captions_drop_at_their_rate() -> None:
    """S020: 0.2 of captions are empty, and nothing else of them is left."""
    rules = CaptionRules(caption_dropout=0.2, trigger="sls")
    empty = sum(caption(rules, row=row, text="words") == "" for row in range(20_000))
    assert empty / 20_000 == pytest.approx(0.2, abs=3 * (0.2 * 0.8 / 20_000) ** 0.5)


@pytest.mark.parametrize(
    ("values", "first", "second"),
    [
        ({"shuffle": True}, "e;f, a, ||, h, {c|d}, b, i, g, TEXT", "i, {c|d}, e;f, h, b, a, ||, g, TEXT"),
        (
            {"shuffle": True, "keep_tags": 2, "tag_dropout": 0.3, "trigger": "sls"},
            "sls, a, b, g, {c|d}, i, ||, e;f, TEXT",
            "sls, a, b, i, h, e;f, {c|d}, TEXT",
        ),
        ({"caption_dropout": 0.2}, "", "a, b, {c|d}, e;f, ||, g, h, i, TEXT"),
        (
            {"shuffle": True, "keep_separator": "||", "tag_dropout": 0.4},
            "a, b, {c|d}, e;f, h, g, TEXT",
            "a, b, {c|d}, e;f, g, TEXT",
        ),
        (
            {"shuffle": True, "secondary_separator": ";"},
            "e, f, a, ||, h, {c|d}, b, i, g, TEXT",
            "i, {c|d}, e, f, h, b, a, ||, g, TEXT",
        ),
        (
            {"shuffle": True, "wildcards": True, "prefix": "{a|an}", "suffix": "z"},
            "a e;f, a, ||, h, c, b, i, g, in ink z",
            "an i, c, e;f, h, b, a, ||, g, in oil z",
        ),
        ({"dropout_every_epochs": 2, "tag_dropout": 0.5}, "||, g, h, TEXT", "a, e;f, ||, h, i, TEXT"),
        (
            {"shuffle": True, "warmup_tags": 2, "warmup_steps": 9},
            "e;f, a, {c|d}, b, TEXT",
            "a, {c|d}, e;f, b, TEXT",
        ),
    ],
)
def test_what_is_drawn_stays_what_it_is(values: dict[str, object], first: str, second: str) -> None:
    """S016-S021: runs that were begun go on with the same captions."""
    rules = CaptionRules(**values)  # type: ignore[arg-type]
    parts = split_caption(["a", "b", "{c|d}", "e;f", "||", "g", "h", "i"], "in {oil|ink}", rules)
    samples = (Sample(0, 7, 0), Sample(300, 3_600_000, 2))
    said = [caption_of(parts, rules, 42, sample, 4) for sample in samples]
    assert said == [each.replace("TEXT", "in {oil|ink}") for each in (first, second)]


@pytest.mark.parametrize("values", [{"tag_dropout": 1.5}, {"caption_dropout": -0.1}, {"keep_tags": -1}])
def test_rules_without_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UserError):
        CaptionRules(**values)  # type: ignore[arg-type]


def test_a_separator_keeps_head_and_tail_and_is_never_trained() -> None:
    """S016, S021: what stands before the separator stays in front, what follows the second one stays behind."""
    rules = CaptionRules(shuffle=True, keep_separator="|||", keep_tags=9)
    parts = split_caption(["1girl", "saber ||| smile", "sky", "|||", "newest"], "", rules)
    assert parts.head == ("1girl", "saber")
    assert parts.middle == ("smile", "sky")
    assert parts.tail == ("newest",)
    texts = {caption_of(parts, rules, 1, Sample(epoch, 0, 0)) for epoch in range(20)}
    assert texts == {"1girl, saber, smile, sky, newest", "1girl, saber, sky, smile, newest"}


def test_without_the_separator_the_first_tags_are_kept() -> None:
    rules = CaptionRules(keep_separator="|||", keep_tags=1)
    assert split_caption(["a", "b"], "", rules).head == ("a",)


def test_the_secondary_separator_joins_what_moves_together() -> None:
    rules = CaptionRules(shuffle=True, secondary_separator=";;;")
    parts = split_caption(["red hat;;;blue coat", "sky"], "", rules)
    texts = {caption_of(parts, rules, 1, Sample(epoch, 0, 0)) for epoch in range(20)}
    assert texts == {"red hat, blue coat, sky", "sky, red hat, blue coat"}


def test_wildcards_are_drawn_by_key_and_doubled_braces_stay() -> None:
    rules = CaptionRules(wildcards=True)
    parts = split_caption(["{red|blue} hair", "{{a}}"], "a {big|small} cat", rules)
    texts = {caption_of(parts, rules, 1, Sample(epoch, 0, 0)) for epoch in range(40)}
    assert texts == {
        f"{hair} hair, {{a}}, a {size} cat" for hair in ("red", "blue") for size in ("big", "small")
    }
    assert caption_of(parts, CaptionRules(), 1, Sample(0, 0, 0)).startswith("{red|blue} hair")
    around = CaptionRules(wildcards=True, prefix="{a|an} image of")
    begins = {caption_of(parts, around, 1, Sample(epoch, 0, 0)).split()[0] for epoch in range(20)}
    assert begins == {"a", "an"}


def test_prefix_and_suffix_stand_around_all_but_a_dropped_caption() -> None:
    rules = CaptionRules(prefix="photo of", suffix="in oil", shuffle=True)
    assert caption_of(split_caption(["cat"], "", rules), rules, 1, Sample(0, 0, 0)) == "photo of cat in oil"
    dropped = CaptionRules(prefix="photo of", caption_dropout=1.0)
    assert caption_of(split_caption(["cat"], "", dropped), dropped, 1, Sample(0, 0, 0)) == ""


def test_every_nth_epoch_has_no_captions() -> None:
    """S021: epochs count from 1, so with 3 the third, sixth, ... have none."""
    rules = CaptionRules(dropout_every_epochs=3)
    parts = split_caption(["cat"], "", rules)
    texts = [caption_of(parts, rules, 1, Sample(epoch, 0, 0)) for epoch in range(6)]
    assert texts == ["cat", "cat", "", "cat", "cat", ""]


def test_tokens_warm_up() -> None:
    """kohya.md 2.3 step 5: floor(step x (n - min) / steps) + min tags of the middle."""
    rules = CaptionRules(keep_tags=1, warmup_tags=2, warmup_steps=10)
    parts = split_caption([f"t{i}" for i in range(13)], "", rules)
    counts = [len(caption_of(parts, rules, 1, Sample(0, 0, 0), step).split(", ")) - 1 for step in range(12)]
    assert counts == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12]
    assert len(caption_of(parts, rules, 1, Sample(0, 0, 0)).split(", ")) == 13


def test_rules_without_chance_keep_the_words() -> None:
    rules = CaptionRules(shuffle=True, tag_dropout=1, prefix="a", warmup_steps=9, dropout_every_epochs=1)
    parts = split_caption(["cat", "dog"], "", rules)
    assert caption_of(parts, without_chance(rules), 1, Sample(0, 0, 0), 0) == "a cat, dog"


def test_later_rules_are_stored_only_where_they_do_something() -> None:
    first = {"shuffle", "keep_tags", "tag_dropout", "caption_dropout", "trigger"}
    assert set(stored_rules(CaptionRules())) == first
    assert set(stored_rules(CaptionRules(prefix="a"))) == first | {"prefix"}


LINES = "a, b, c\n\n d, {e|f}, g \nh"


def test_one_line_of_several_is_drawn_by_key() -> None:
    """S024: each line comes, as it is where nothing moves; wildcards in it are drawn; the same sample is the same."""
    rules = CaptionRules(wildcards=True)
    parts = split_caption((), LINES, rules)
    seen = {caption_of(parts, rules, 1, Sample(epoch, 0, 0)) for epoch in range(60)}
    assert seen == {"a, b, c", "d, e, g", "d, f, g", "h"}
    assert caption_of(parts, rules, 1, Sample(3, 0, 0)) == caption_of(parts, rules, 1, Sample(3, 0, 0))
    assert caption_of(parts, CaptionRules(), 1, Sample(3, 0, 0)) == LINES


def test_the_tags_of_a_drawn_line_move_behind_the_head() -> None:
    """S017, S021: kept tags count from the image's own; commas inside a wildcard part tags as well."""
    rules = CaptionRules(wildcards=True, shuffle=True, keep_tags=2, trigger="sks")
    parts = split_caption(("own",), "a,b,{c, d|e}\na, b, c, d", rules)
    drawn = [caption_of(parts, rules, 1, Sample(epoch, 0, 0)).split(", ") for epoch in range(60)]
    assert all(words[:3] == ["sks", "own", "a"] for words in drawn)
    assert {tuple(sorted(words[3:])) for words in drawn} == {("b", "c", "d"), ("b", "e")}
    assert len({tuple(words) for words in drawn}) > 4
    rules = CaptionRules(wildcards=True, tag_dropout=1.0, keep_separator="|||")
    parts = split_caption((), "a, b ||| c\na, b ||| d", rules)
    assert {caption_of(parts, rules, 1, Sample(epoch, 0, 0)) for epoch in range(20)} == {"a, b"}


def kohya_says(caption: str, keep: int, separator: str) -> set[tuple[str, ...]]:
    """All that may be kept of a caption: wildcards are chosen in the whole text, then commas part it."""
    plain = caption.replace("{{", "<").replace("}}", ">")
    choices = [found.split("|") for found in re.findall(r"\{([^{}]*)\}", plain)]
    kept: set[tuple[str, ...]] = set()
    for chosen in product(*choices):
        items = iter(chosen)
        text = re.sub(r"\{[^{}]*\}", lambda _, items=items: next(items), plain)
        text = text.replace("<", "{").replace(">", "}")
        if separator in text:
            head, *rest = text.split(separator)
            parts = [head, *rest[1:]]  # a third separator is not trained, as everywhere here
            kept.add(tuple(tag.strip() for part in parts for tag in part.split(",") if tag.strip()))
        else:
            kept.add(tuple(tag.strip() for tag in text.split(",") if tag.strip())[:keep])
    return kept


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b, c",
                "{d|e}",
                "{f, g|h}",
                "{i|j, k, l} m",
                "n {o, p|q} r, s",
                "{{t, u}}",
                "||| v",
                "w |||",
            ]
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 4),
    st.booleans(),
)
def test_commas_within_a_wildcard_part_tags_as_kohya_has_it(
    written: list[str], keep: int, separated: bool
) -> None:
    """S024, kohya.md 2.3 steps 3 and 4: with every other tag dropped, the head (and tail) is what is left."""
    caption = ", ".join(written if separated else (each.replace("|||", "x") for each in written))
    rules = CaptionRules(
        wildcards=True, tag_dropout=1.0, keep_tags=0 if separated else keep, trigger="sks",
        keep_separator="|||" if separated else "",
    )  # fmt: skip
    tags = [tag.strip() for tag in caption.split(",")]
    said = [caption_of(split_caption(tags, "", rules), rules, 1, Sample(epoch, 0, 0)) for epoch in range(64)]
    outcomes = kohya_says(caption, rules.keep_tags, "|||" if separated else "never")
    drawn = {tuple(tag for tag in text.split(", ")[1:] if tag) for text in said}
    assert drawn <= outcomes
    if len(outcomes) <= 4:
        assert drawn == outcomes
    assert {text.split(", ")[0] for text in said} == {"sks"}


def test_a_wildcard_over_several_tags_leaves_the_draws_of_others_as_they_are() -> None:
    rules = CaptionRules(wildcards=True)
    alone = split_caption(["{a|b} hat", "sky"], "", rules)
    beside = split_caption(["{a|b} hat", "sky", "{c", "d|e} f"], "", rules)
    for epoch in range(20):
        sample = Sample(epoch, 0, 0)
        assert caption_of(beside, rules, 1, sample).startswith(caption_of(alone, rules, 1, sample) + ", ")


@pytest.mark.parametrize(
    ("rules", "text", "wanted"),
    [
        (CaptionRules(text_first=True), "10,000 girls", "10,000 girls, 1girl, solo, long hair, smile, outdoors"),
        (CaptionRules(text_first=True), "", "1girl, solo, long hair, smile, outdoors"),
        (CaptionRules(text_first=True, trigger="sls"), "a, b", "sls, a, b, 1girl, solo, long hair, smile, outdoors"),
        (CaptionRules(text_first=True, shuffle=True, keep_tags=7), "a, b",
         "a, b, 1girl, solo, long hair, smile, outdoors"),
    ],
)  # fmt: skip
def test_text_may_stand_first(rules: CaptionRules, text: str, wanted: str) -> None:
    """Reference: kohya.md 2.3. Where nothing moves the text stays as it is written."""
    assert caption(rules, text=text) == wanted


@pytest.mark.parametrize(("keep", "kept"), [(1, ["a"]), (2, ["a", "b"]), (3, ["a", "b", "1girl"])])
@pytest.mark.parametrize("lines", ["a, b", "a, b\na, b"])
def test_of_text_that_stands_first_the_first_pieces_are_kept(keep: int, kept: list[str], lines: str) -> None:
    rules = CaptionRules(text_first=True, shuffle=True, keep_tags=keep, trigger="sls", wildcards=True)
    drawn = [caption(rules, epoch, text=lines).split(", ") for epoch in range(30)]
    assert all(each[: keep + 1] == ["sls", *kept] for each in drawn)
    assert {frozenset(each) for each in drawn} == {frozenset([*TAGS, "a", "b", "sls"])}
    assert len(set(map(tuple, drawn))) > 10


@pytest.mark.parametrize("text", ["a, b", "a, b\na, b"])
def test_text_that_stands_first_is_kept_before_a_separator(text: str) -> None:
    rules = CaptionRules(text_first=True, shuffle=True, keep_separator="|||", wildcards=True)
    parts = split_caption(("x", "|||", "y", "z", "|||", "end"), text, rules)
    for epoch in range(20):
        said = caption_of(parts, rules, 42, Sample(epoch, 0, 0)).split(", ")
        assert (said[:3], said[-1]) == (["a", "b", "x"], "end")
