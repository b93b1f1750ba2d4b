"""Words converted without pydantic are what Typer would have made of them, and mistakes are left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from curator.cli.options.plain_words import convert_plainly, plain_value
from curator.cli.shared.typer_apps import single


def command() -> Any:
    def act(
        text: str = "",
        number: Annotated[int, typer.Option("--number", min=1, max=10)] = 5,
        share: Annotated[float, typer.Option("--share", min=0)] = 0.5,
        path: Annotated[Path, typer.Option("--path")] = Path(),
        which: Annotated[Literal["a", "b"], typer.Option("--which")] = "a",
        many: Annotated[list[str] | None, typer.Option("--many")] = None,
    ) -> None: ...

    act.__annotations__ = {
        name: eval(kind, globals()) if isinstance(kind, str) else kind
        for name, kind in act.__annotations__.items()
    }
    return typer.main.get_command(single(act))


KINDS = {"text": str, "number": int, "share": float, "path": Path, "which": Literal["a", "b"]}
SLOW, QUICK = command(), command()
convert_plainly(QUICK)


def converted(built: Any, name: str, word: str) -> Any:
    try:
        return built.make_context("x", [f"--{name}={word}"]).params[name]
    except typer.TyperException as error:
        return error.format_message()


WORDS = st.one_of(
    st.sampled_from(
        [
            *(
                "1",
                "10",
                "11",
                "0",
                "-1",
                "1.5",
                "1e3",
                "nan",
                "inf",
                " 1",
                "1_0",
                "+1",
                "٣",
                "a",
                "A",
                "",
                ".",
                "0x1",
            ),
            "9" * 30,
            "./x",
            "1.",
            ".5",
            "-0",
            "00",
            "1\n",
        ]
    ),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers().map(str),
    st.floats().map(str),
)


@given(name=st.sampled_from(sorted(KINDS)), word=WORDS)
def test_a_word_is_what_typer_makes_of_it(name: str, word: str) -> None:
    slow, quick = converted(SLOW, name, word), converted(QUICK, name, word)
    assert (type(quick), repr(quick)) == (type(slow), repr(slow))


@given(st.lists(st.text(max_size=4), max_size=3))
def test_a_repeated_option_is_a_list(words: list[str]) -> None:
    given_words = [f"--many={word}" for word in words]
    assert (
        QUICK.make_context("x", list(given_words)).params == SLOW.make_context("x", list(given_words)).params
    )


@pytest.mark.parametrize(
    ("kind", "word"), [(int, "x"), (int, "1.0"), (float, "1e5"), (Literal["a", "b"], "c")]
)
def test_what_is_not_plain_is_left_to_typer(kind: Any, word: str) -> None:
    assert plain_value(kind, word) is None
