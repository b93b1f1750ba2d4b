"""Prompt lines with options (S077): every option read, what only looks like one told, no text lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.contract.prompts.files import lines_of_entries, read_prompts
from curator.contract.prompts.lines import Prompt, line_of, read_data, read_line
from curator.contract.prompts.sampler_names import SAMPLER_NAMES

CASE = Path(__file__).parent / "sample_lines"


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("a cat", {"prompt": "a cat"}),
        ("a cat --w 512 --h 768", {"prompt": "a cat", "width": 512, "height": 768}),
        ("a --n b, c --d 7", {"prompt": "a", "negative_prompt": "b, c", "seed": 7}),
        ("a --l 7.5 --s 30 --ss k_euler_a", {"prompt": "a", "scale": 7.5, "steps": 30, "sampler": "k_euler_a"}),
        ("A --W 64 --N Ugly --SS DDIM", {"prompt": "A", "width": 64, "negative_prompt": "Ugly", "sampler": "ddim"}),
        ("a --d 1 --d 2", {"prompt": "a", "seed": 2}),
        ("a --l 0", {"prompt": "a", "scale": 0.0}),
        ("a --l 7", {"prompt": "a", "scale": 7.0}),
        (" --n bad", {"prompt": "", "negative_prompt": "bad"}),
        ("", {"prompt": ""}),
        ("well--n known", {"prompt": "well--n known"}),
        ("a - b – c", {"prompt": "a - b – c"}),
        ("a --n  b  --w  64", {"prompt": "a", "negative_prompt": "b", "width": 64}),
    ],
)  # fmt: skip
def test_options_of_a_line(line: str, read: dict[str, object]) -> None:
    found = read_line(line, "line 1")
    assert (found.prompt.given(), found.doubts) == (read, ())


@pytest.mark.parametrize(
    ("line", "read", "told"),
    [
        ("a —w 512", {"prompt": "a —w 512"}, "'—w' is read as text"),
        ("a –n bad --w 64", {"prompt": "a –n bad", "width": 64}, "'–n' is read as text"),
        ("a −−h 64", {"prompt": "a −−h 64"}, "'−−h' is read as text"),
        ("a --n b —w 64", {"prompt": "a", "negative_prompt": "b —w 64"}, "'—w' is read as text"),
        ("a -w 512", {"prompt": "a -w 512"}, "'-w' is read as text"),
        ("a --x 3 --w 64", {"prompt": "a --x 3", "width": 64}, "'--x' is read as text"),
        ("a --width 64", {"prompt": "a --width 64"}, "'--width' is read as text"),
        ("a --w=64", {"prompt": "a --w=64"}, "'--w' is read as text"),
        ("a --cn pose.png", {"prompt": "a --cn pose.png"}, "'--cn' is read as text"),
        ("--n bad", {"prompt": "--n bad"}, "'--n' is read as text"),
        ("n queens", {"prompt": "n queens"}, "begins like an option"),
        ("d 20 dice --w 64", {"prompt": "d 20 dice", "width": 64}, "begins like an option"),
        ("a --w 100", {"prompt": "a", "width": 96}, "width 100 becomes 96"),
        ("a --h 9", {"prompt": "a", "height": 64}, "height 9 becomes 64"),
        ("a --s 5000", {"prompt": "a", "steps": 1000}, "5000 steps become 1000"),
        ("a --s 0", {"prompt": "a", "steps": 1}, "0 steps become 1"),
    ],
)
def test_what_may_not_be_meant_is_told(line: str, read: dict[str, object], told: str) -> None:
    found = read_line(line, "line 1")
    assert found.prompt.given() == read
    (doubt,) = found.doubts
    assert doubt.what.startswith("line 1: ")
    assert told in doubt.what


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("a --w wide", "--w is 'wide'", "whole number"),
        ("a --w 512, on a wall", "--w is '512, on a wall'", "whole number"),
        ("a --w", "--w is ''", "whole number"),
        ("a --w 99999", "--w is '99999'", "the most is 4096"),
        ("a --d -1", "--d is '-1'", "whole number"),
        (f"a --d {2**63}", "--d is", "the most"),
        ("a --l 1.2.3", "--l is '1.2.3'", "number"),
        ("a --l nan", "--l is 'nan'", "number"),
        ("a --l 1000", "--l is '1000'", "from 0 to 100"),
        ("a --ss eulr", "--ss is 'eulr'", "did you mean 'euler'?"),
    ],
)
def test_a_value_that_its_option_does_not_take_is_refused(line: str, said: str, hint: str) -> None:
    with pytest.raises(UserError) as refused:
        read_line(line, "line 4")
    assert refused.value.what.startswith(f"line 4: {said}")
    assert hint in refused.value.hint


WORDS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
PROMPTS = st.builds(
    Prompt,
    WORDS.map(str.strip),
    st.none() | WORDS.map(str.strip),
    st.none() | st.integers(8, 512).map(lambda side: side * 8),
    st.none() | st.integers(8, 512).map(lambda side: side * 8),
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | st.integers(0, 400).map(lambda quarter: quarter / 4),
    st.none() | st.integers(1, 1000),
    st.none() | st.sampled_from(SAMPLER_NAMES),
)


@given(PROMPTS)
def test_a_prompt_comes_back_from_its_line(prompt: Prompt) -> None:
    try:
        line = line_of(prompt, "here")
    except UserError:
        assert " --" in f" {prompt.prompt} {prompt.negative_prompt}"
        return
    assert read_line(line, "here").prompt == prompt
    assert read_data(dict(prompt.given()), "here").prompt == prompt


@given(st.lists(st.sampled_from(["a", "--n", "--x", "—w", "–", "-d", "--", "n", "w", "7", "(b:1.2)", "--g"])))
def test_no_text_is_lost(words: list[str]) -> None:
    """What is no option and no value stays, word for word."""
    line = " ".join(words)
    read = read_line(line, "here").prompt
    kept = [*read.prompt.split(), *(read.negative_prompt or "").split()]
    options = [word for place, word in enumerate(words) if word == "--n" and place]
    if len(options) <= 1:  # of several only the last counts
        assert sorted([*kept, *options]) == sorted(words)


def test_a_file_of_lines() -> None:
    """Comments, empty lines, CRLF ends, a BOM, capitals: as sd-scripts reads them."""
    read = read_prompts(CASE / "prompts.txt")
    assert [each.prompt.given() for each in read] == json.loads((CASE / "expected.json").read_text())
    told = [doubt.what for each in read for doubt in each.doubts]
    assert told == [
        "prompts.txt, line 4: width 100 becomes 96",
        "prompts.txt, line 6: 5000 steps become 1000",
    ]


def test_toml_and_json_as_sd_scripts_has_them(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        '[prompt]\nwidth = 128\nnegative_prompt = "bad"\n[[prompt.subset]]\nprompt = "a"\nsample_steps = 5\n'
        '[[prompt.subset]]\nprompt = "b"\nwidth = 64\nscale = 3\nsample_sampler = "lms"\n'
    )
    (tmp_path / "p.json").write_text('[{"prompt": "a", "seed": 3}, "b --w 65"]')
    assert [each.prompt for each in read_prompts(tmp_path / "p.toml")] == [
        Prompt("a", "bad", 128, steps=5),
        Prompt("b", "bad", 64, scale=3.0, sampler="lms"),
    ]
    assert [each.prompt for each in read_prompts(tmp_path / "p.json")] == [
        Prompt("a", seed=3),
        Prompt("b", width=64),
    ]
    lines = ("a --d 3", "b --w 65", "kept --n x")
    assert lines_of_entries(["p.json", "kept --n x"], tmp_path) == lines


def test_a_folder_is_no_file_of_prompts(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        read_prompts(tmp_path)
    assert refused.value.what.endswith("cannot be read: Is a directory")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.txt", "# nothing\n\n", "holds no prompt"),
        ("p.txt", None, "there is no file of prompts"),
        ("p.txt", b"\xff\xfe\xff", "cannot be read"),
        ("p.json", "{", "is no JSON"),
        ("p.json", "{}", "is no list"),
        ("p.json", "[3]", "neither a line nor an object"),
        ("p.json", '[{"width": 64}]', "has no prompt"),
        ("p.json", '[{"prompt": "a", "widht": 64}]', "there is no key 'widht'"),
        ("p.json", '[{"prompt": "a", "width": true}]', "--w is 'True'"),
        ("p.json", '[{"prompt": "a", "width": 64.5}]', "--w is '64.5'"),
        ("p.toml", "[prompt", "is no TOML"),
        ("p.toml", "x = " + "[" * 20_000, "is no TOML"),
        ("p.toml", 'prompt = "a"', "has no [[prompt.subset]]"),
        ("p.toml", "[prompt]\nsubset = [3]", "neither a line nor an object"),
    ],
)
def test_a_bad_file_is_a_sentence(tmp_path: Path, name: str, text: str | bytes | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as refused:
        read_prompts(tmp_path / name)
    assert said in refused.value.what
