"""Where a wildcard reaches over commas, and which braces belong to none."""

from __future__ import annotations

import pytest

from curator.contract.wildcards import lone_brace, reaching_over


@pytest.mark.parametrize(
    ("pieces", "runs"),
    [
        (["a", "{b|c} d", "e"], []),
        (["a", "{b", "c|d} e", "f"], [range(1, 3)]),
        (["{a", "b", "c|d}"], [range(3)]),
        (["{a", "b} {c", "d} e", "f"], [range(3)]),
        (["{a", "b}", "{c", "d}"], [range(2), range(2, 4)]),
        (["{a", "b} {c|d}", "e"], [range(2)]),
        (["{{a", "b}}"], []),
        (["{a", "{b", "c}"], [range(1, 3)]),
        (["a}", "{b"], []),
        ([], []),
    ],
)
def test_runs_of_pieces(pieces: list[str], runs: list[range]) -> None:
    assert reaching_over(pieces) == runs


@pytest.mark.parametrize(
    ("text", "is_lone"),
    [
        ("{a|b}", False),
        ("{{a}}", False),
        ("{a, b|c}", False),
        ("{a", True),
        ("b}", True),
        ("{a {b} c}", True),
        ("", False),
    ],
)
def test_braces_of_no_wildcard(text: str, is_lone: bool) -> None:
    assert lone_brace(text) is is_lone
