"""The merge methods by name, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.workshop.methods import geometry, sums, thinned

if TYPE_CHECKING:
    from train.workshop.methods.method import Method

METHODS: dict[str, Method] = {**sums.METHODS, **geometry.METHODS, **thinned.METHODS}
