"""Models with all their layers: what a family is made of is a subject of these tests."""

from tests.conftest import tiny_model, tiny_sd2, tiny_sdxl

__all__ = ["tiny_model", "tiny_sd2", "tiny_sdxl"]
