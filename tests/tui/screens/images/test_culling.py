"""The image on the whole screen: kept, rejected and undone by keys, from near, with its mask (rows S006, B14)."""

from __future__ import annotations

from PIL import Image

from curator.contract.buckets import BucketRule, place
from curator.tui.drawing.close_up import draw_close_up, part_shown
from curator.tui.drawing.picture_request import CloseUp, Picture, PictureRequest
from tests.tui.screens.images.test_grid import marks


async def test_images_are_kept_rejected_and_undone_with_a_running_tally(drive, session):
    async with drive((80, 24)) as it:
        await it.press("enter")
        await it.sees("1/6  01 cat.png")
        await it.sees("indoors")  # tags, without a key
        await it.sees("keep 0  reject 0  left 6")
        await it.press("y", "x")
        await it.sees("keep 1  reject 1  left 4")
        await it.sees("3/6  03 car.jpg")
        assert marks(session)[:3] == [1, -1, 0]
        await it.press("backspace")
        await it.sees("2/6  - reject  02 dog.png")
        assert marks(session)[1] == -1
        await it.press("x")  # has the mark already: only on
        await it.sees("3/6")
        await it.press("u")
        await it.sees("2/6  02 dog.png")
        await it.sees("keep 1  reject 0  left 5")
        await it.press("ctrl+r")
        await it.sees("2/6  - reject")
        await it.press("t")
        await it.until(lambda: "outdoors" not in it.text)
        await it.press("n", "n", "n", "n", "y")
        await it.sees("That was the last image")
        await it.sees("keep 2  reject 1  left 3")
        await it.press("escape")
        assert it.images.cursor == 5
        assert marks(session) == [1, -1, 0, 0, 0, 1]
    async with drive((80, 24)) as it:
        await it.press("g", "enter")
        await it.sees("keep 2  reject 1  left 3")
        assert "indoors" not in it.text  # as it was left


async def test_an_image_is_seen_from_near_and_panned_over(drive):
    async with drive((80, 24)) as it:
        await it.press("enter")
        await it.sees("1/6  01 cat.png")
        await it.press("z")
        await it.sees("1/6  1:1")
        await it.press("z", "plus", "plus")
        await it.sees("1/6  x4")
        await it.until(lambda: it.preview.part)
        before = it.preview.part
        await it.press("l")
        await it.until(lambda: it.preview.part and it.preview.part[0] > before[0])
        assert "1/6" in it.text
        await it.press("space")
        await it.sees("2/6  x4")
        await it.press("minus")
        await it.sees("2/6  x2")
        await it.press("escape", "j")
        await it.sees("3/6  03 car.jpg")
        await it.press("escape")
        assert it.images.has_focus


def test_a_part_is_as_large_as_asked_for_and_within_the_image():
    assert part_shown((1000, 500), (100, 50), CloseUp(0.5, 0.5, 0)) == (450, 225, 550, 275)
    assert part_shown((1000, 500), (100, 50), CloseUp(0, 1, 2)) == (0, 250, 500, 500)
    assert part_shown((40, 30), (100, 50), CloseUp(0.9, 0.9, 0)) == (0, 0, 40, 30)
    assert part_shown((1, 9000), (80, 44), CloseUp(0.5, 0.5, 0)) == (0, 4478, 1, 4522)


def colours_at(picture: Picture, line: int) -> list[tuple[int, int, int]]:
    assert picture.problem == ""
    return [tuple(segment.style.color.triplet) for segment in picture.strips[line] for _ in segment.text]


def test_crop_and_mask_lie_over_a_part_as_over_the_whole(tmp_path):
    path = tmp_path / "p.png"
    Image.new("RGB", (400, 200), (90, 90, 90)).save(path)
    placement = place((400, 200), BucketRule(128, 128, 128, 128, 64))  # the middle half
    near = draw_close_up(PictureRequest(path, 100, 50, placement, close_up=CloseUp(0, 0.5, 0)))
    assert near.part == (0, 0.25, 0.25, 0.75)
    assert set(colours_at(near, 25)[:98]) == {(30, 30, 30)}  # all of it is cut away
    mask = tmp_path / "p-mask.png"
    Image.new("L", (40, 20), 0).save(mask)
    hidden = colours_at(draw_close_up(PictureRequest(path, 40, 10, mask=mask)), 5)
    assert all(red > green + 20 for red, green, _ in hidden)
    assert len(set(hidden)) > 1  # hatched
    Image.new("RGBA", (400, 200), (90, 90, 90, 255)).save(path)
    plain = colours_at(draw_close_up(PictureRequest(path, 40, 10, mask=path)), 5)
    assert set(plain) == {(90, 90, 90)}
    assert "gone" in draw_close_up(PictureRequest(tmp_path / "no.png", 8, 4, mask=path)).problem
