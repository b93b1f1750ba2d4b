"""Model files: what they hold, and what is made of them."""

from __future__ import annotations


def blocks_of(family: str, convention: str) -> dict[str, str]:
    """The block of every tensor of a family's standard model, as mergers number them."""
    from curator.runs.model_workshop import blocks

    return blocks(family, convention)
