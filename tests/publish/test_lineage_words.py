"""The origin of a model in lines: a tree, and a fact a line."""

from __future__ import annotations

from curator.contract.run.origin import Origin, TrainedSubset
from curator.publish.lineage import Node
from curator.publish.lineage_words import lines_of


def test_a_tree_is_told_with_runs_subsets_and_what_is_not_known() -> None:
    subsets = (TrainedSubset("cats", "saved:cats", 2.5, 1200), TrainedSubset("reg", "", 1, 1, is_reg=True))
    origin = Origin(
        "r1", "2026-01-01", "v1", "abc", "2026-01-02", "me", subsets, (("kept", 1200), ("rejected", 3))
    )
    nodes = (
        Node(
            0,
            None,
            "",
            "out.safetensors",
            "00ff",
            made_by="a merge",
            recipe='ratio = 0.5\n\nmodels = ["a"]\n',
        ),
        Node(1, 0, "made of", "a.safetensors", run="r1", origin=origin, made_by="a training"),
        Node(2, 1, "based on", "sd15", unknown=("it is not here",)),
    )
    assert list(lines_of(nodes, lambda text: {"saved:cats": "cat -dog"} if "cats" in text else {})) == [
        "out.safetensors, a merge",
        "  sha256    00ff",
        "  recipe    ratio = 0.5",
        '  recipe    models = ["a"]',
        "    made of a.safetensors, a training",
        "      run       r1",
        "      manifest  v1",
        "      digest    abc",
        "      frozen    2026-01-02",
        "      subset    cats: saved:cats (1,200 images x 2.5)",
        "                  saved:cats is now: cat -dog",
        "      subset    reg: all (1 image x 1, regularisation)",
        "      funnel    kept: 1,200",
        "      funnel    rejected: 3",
        "        based on sd15",
        "          unknown   it is not here",
    ]
    assert not [line for line in lines_of(nodes) if "is now" in line]
