"""`frieze tag again`: a rule done before is done on the images that came since, told first (B13)."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from curator.cli.schemas.edits import DueRule
from curator.cli.schemas.shapes import keys_of
from tests.cli.conftest import Frieze


def test_what_came_since_is_offered_and_done(collection: Path, pictures: Path, frieze: Frieze) -> None:
    (pictures / "fox.txt").write_text("red_fox, animal")
    assert frieze("scan", pictures).code == 0
    assert frieze("tag", "again", "--json").json == []
    assert frieze("tag", "clean", "", "--yes").code == 0
    Image.new("RGB", (300, 300), "teal").save(pictures / "hare.png")
    (pictures / "hare.txt").write_text("brown_hare, animal")
    assert frieze("scan", pictures).code == 0
    (due,) = frieze("tag", "again", "--dry-run", "--json").json
    assert set(due) == set(keys_of(DueRule))
    assert (due["kind"], due["matched"], due["changed"], due["dry_run"]) == ("clean", 1, 1, True)
    assert "brown_hare" in frieze("ls", "path:hare", "--columns", "tags", "--json").out
    assert frieze("tag", "again", "clean", "--yes").code == 0
    assert "brown hare" in frieze("ls", "path:hare", "--columns", "tags", "--json").out
    assert frieze("tag", "again", "--json").json == []
