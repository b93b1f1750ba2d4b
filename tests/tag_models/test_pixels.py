"""Preprocessing of images against arrays worked out by formula (S028)."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from curator.contract.tagging.zoo import EDGES
from tag_models.pixels import Framing, Numbers


def flat(size: tuple[int, int], colour: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def test_padding_is_white_and_the_smaller_half_comes_first() -> None:
    made = Framing(7)(flat((7, 4), (10, 20, 30)))
    assert made.shape == (7, 7, 3)
    white = (made == 255).all(axis=(1, 2))
    assert white.tolist() == [True, False, False, False, False, True, True]
    assert (made[1:5] == (10, 20, 30)).all()


def test_an_image_is_padded_before_it_is_resized() -> None:
    """As the WD models' own demo does: the border is mixed into the edge."""
    source = flat((8, 4), (0, 0, 0))
    square = Image.new("RGB", (8, 8), "white")
    square.paste(source, (0, 2))
    expected = np.asarray(square.resize((6, 6), Image.Resampling.BICUBIC))
    assert (Framing(6)(source) == expected).all()
    resized = Framing(6, "resize-then-pad", filter="area")(source)
    assert (resized[[0, 5]] == 255).all()
    assert (resized[2:4] == 0).all()


def test_edges_may_be_repeated() -> None:
    source = Image.fromarray(np.array([[[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4]]], np.uint8))
    made = Framing(4, "resize-then-pad", EDGES, "area")(source)
    assert (made == np.array([1, 2, 3, 4], np.uint8)[None, :, None]).all()


def test_stretching_and_cutting() -> None:
    source = Image.fromarray(np.repeat(np.arange(8, dtype=np.uint8)[None, :, None] * 30, 4, 0).repeat(3, 2))
    stretched = Framing(4, "stretch", filter="area")(source)
    assert (stretched[0, :, 0] == [15, 75, 135, 195]).all()
    cut = Framing(4, "crop", filter="area")(source)
    assert (cut[0, :, 0] == [60, 90, 120, 150]).all()


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (flat((4, 4), (1, 2, 3, 0), "RGBA"), (255, 255, 255)),
        (flat((4, 4), (0, 255, 255, 0), "CMYK"), (255, 0, 0)),
        (flat((4, 4), (7,), "L"), (7, 7, 7)),
        (flat((4, 4), (1, 2, 3)).convert("P", palette=Image.Palette.ADAPTIVE), (1, 2, 3)),
        (Image.fromarray(np.full((4, 4), 0x8080, np.uint16)), (128, 128, 128)),
    ],
    ids=["transparent", "cmyk", "grey", "palette", "16 bit"],
)
def test_every_kind_of_image_becomes_rgb(picture: Image.Image, expected: tuple[int, ...]) -> None:
    assert (Framing(4)(picture) == expected).all()


BATCH = np.array([[[[0, 51, 255]]]], np.uint8)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (Numbers("BGR"), [255, 51, 0]),
        (Numbers("RGB"), [0, 51, 255]),
        (Numbers("RGB", 255.0), [0, 0.2, 1]),
        (Numbers("RGB", 255.0, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), [-1, -0.6, 1]),
        (Numbers("BGR", 255.0, (0.0, 0.2, 0.5), (1.0, 2.0, 0.5)), [1, 0, -1]),
    ],
)
def test_numbers_by_formula(numbers: Numbers, expected: list[float]) -> None:
    made = numbers(BATCH)
    assert made.dtype == np.float32
    assert made.shape == (1, 1, 1, 3)
    np.testing.assert_allclose(made.ravel(), expected, rtol=0, atol=1e-6)


def test_layout_and_kind() -> None:
    batch = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    made = Numbers("RGB", channels_first=True)(batch, np.float16)
    assert made.shape == (1, 3, 2, 4)
    assert made.dtype == np.float16
    assert made.flags["C_CONTIGUOUS"]
    assert (made[0, 1] == batch[0, :, :, 1]).all()
