"""A tag model asked from Tagging: of a filter's images, and the job is seen at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from curator.session.images.proposals import AskedFor, Proposals
from curator.session.session import Session
from tests.tui.answered_job import answered_job
from tests.tui.conftest import Drive


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_model_is_asked_about_the_images_of_a_filter(
    drive: Drive, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    folder = tmp_path / "tagger"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"")
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n1,cat,0,9\n")
    asked = list[tuple[Any, ...]]()

    def propose(_: object, model: Any, images: Iterable[int], how: Any, filter: str) -> AskedFor:
        asked.append((model.folder, [*images], how.device, how.processes, filter))
        job = answered_job(session, "tagger", [("cat", "general", 0.9)], bad="none")
        return AskedFor(2, 0, job, first_time=True)

    monkeypatch.setattr(Proposals, "propose", propose)
    async with drive(size) as it:
        await it.press("9")
        await it.sees("n asks a tag model")
        await it.press("n")
        await it.sees("Ask a tag model")
        await it.press("ctrl+u")
        await it.type("no such model")
        await it.press("enter")
        await it.sees("! ")
        assert not asked
        await it.press("ctrl+u")
        await it.type(str(folder))
        await it.press("tab")
        await it.type("animal")
        await it.press("tab", "ctrl+u", *"cpu", "enter")
        await it.until(lambda: "looks at 2 images; its licence" in it.notices)
        await it.until(lambda: "none yet" not in it.text)
    images = session.images.select("animal").ids.tolist()
    assert asked == [(folder, images, "cpu", 1, "animal")]
