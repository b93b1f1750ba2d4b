"""Models in the app: listed, looked into, merged, baked, compared; nothing is made before it was said what it is."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
from safetensors.torch import load_file, save_file  # noqa: E402

from curator.contract.merging.recipe import MergeRecipe  # noqa: E402
from curator.contract.recipe.recipe import Recipe  # noqa: E402
from curator.contract.recipe.toml_file import dump_recipe, with_values  # noqa: E402
from curator.contract.run.run_folder import RunFolder  # noqa: E402
from curator.session.session import Session  # noqa: E402
from curator.session.training import model_list  # noqa: E402
from curator.session.training import models as workshop  # noqa: E402
from curator.tui.screens.workshop.merging import merge_job  # noqa: E402
from curator.tui.widgets.entries.entry import Entry  # noqa: E402
from tests.train.small_models import MIDDLE, small_adapter, write_small_models  # noqa: E402
from tests.tui.conftest import Drive, Driven  # noqa: E402


@pytest.fixture
def models(session: Session, tmp_path: Path) -> Path:
    """The folder of two models, which are in the list of the collection, and of adapters."""
    folder = tmp_path / "models"
    folder.mkdir()
    write_small_models(folder)
    for name in ("b", "a"):
        model_list.name_model(session.memory, folder / f"{name}.safetensors")
    return folder


async def fill(it: Driven, **values: object) -> None:
    """Type into lines of the form that is open."""
    for name, value in values.items():
        await it.until(lambda name=name: it.app.screen.query(f"#line-{name}"))
        it.shown(f"#line-{name}").focus()
        await it.press("end", "ctrl+u")
        if value:
            await it.type(str(value))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_models_are_merged_after_a_look_at_the_recipe(
    drive: Drive, models: Path, size: tuple[int, int]
) -> None:
    out = models / "ab.safetensors"
    async with drive(size) as it:
        await it.press("6", "M")
        await it.sees("2 models")
        await it.sees("read by")
        await it.press("m")
        await fill(it, b=models / "b.safetensors", ratio="much")
        await it.press("enter")
        await it.sees("ratio: 'much' is no number")
        await fill(it, ratio="0.25", seed="1.5", out=out)
        await it.press("enter")
        await it.sees("seed: '1.5' is no whole number")
        await fill(it, seed="")
        await it.press("enter")
        await it.sees("Write ")
        await it.sees("ratio = 0.25")
        assert not out.exists()
        await it.press("n")
        await it.sees("2 models")
        assert not out.exists()
        await it.press("m")
        await it.until(lambda: it.app.screen.query("#line-ratio"))
        assert it.app.screen.query_one("#line-ratio", Entry).value == "0.25"  # as it was typed
        await it.press("enter")
        await it.sees("Write ")
        await it.press("y")
        await it.sees("3 models")
        assert "8 tensors merged" in it.notices
        made, first, second = (load_file(models / f"{name}.safetensors")[MIDDLE] for name in ("ab", "a", "b"))
        wanted = (first.double() * 0.75 + second.double() * 0.25).half()
        assert torch.equal(made, wanted)
        await it.sees(" ab.safetensors")


async def test_what_is_there_is_replaced_only_after_a_question(drive: Drive, models: Path) -> None:
    out = models / "c.safetensors"
    before = out.read_bytes()
    async with drive((120, 40)) as it:
        await it.press("6", "M")
        await it.sees("2 models")
        await it.press("m")
        await fill(it, b=models / "b.safetensors", out=out)
        await it.press("enter")
        await it.sees("Replace what is there?")
        await it.press("y")
        await it.sees("Write ")
        assert out.read_bytes() == before
        await it.press("y")
        await it.sees("3 models")
        assert out.read_bytes() != before


async def test_adapters_are_baked_and_compared_with_the_live_ones(drive: Drive, models: Path) -> None:
    name = "[red]style.safetensors"
    save_file(small_adapter(0), models / name)
    out = models / "baked.safetensors"
    async with drive((120, 40)) as it:
        await it.press("6", "M")
        await it.sees("2 models")
        await it.press("b")
        await fill(it, adapter=f"{models / name}@0.5", verify="yes", out=out)
        await it.press("enter")
        await it.sees("Write ")
        await it.press("y")
        await it.sees(f"{name} at 0.5: 2 modules")
        await it.sees("live and baked equal within rounding")
        await it.press("escape")
        await it.sees("3 models")
        assert out.exists()
        await it.press("c")
        await it.sees("Compare baked.safetensors with")
        await it.press("enter")
        await it.sees("largest   relative  different")
        await it.sees("proj_in.weight")
        await it.press("escape", "w")
        await it.sees("a bake of adapters")
        await it.press("escape", "H")
        await it.sees("AutoV2")


async def test_the_list_holds_what_a_person_adds_and_tells_what_is_gone(
    drive: Drive, session: Session, models: Path
) -> None:
    (models / "b.safetensors").unlink()
    (models / "page.safetensors").write_text("<html>")
    async with drive((120, 40)) as it:
        await it.press("6", "M")
        await it.sees("b.safetensors")
        await it.sees("! not there")
        await it.press("a")
        await fill(it, path=models / "page.safetensors")
        await it.press("enter")
        await it.sees("is a web page")
        await fill(it, path=models / "adapter.safetensors")
        await it.press("enter")
        await it.sees("3 models")
        await it.sees("LoRA")
        await it.press("d")
        await it.sees("2 models")
        await it.press("enter")
        await it.sees("numbers")
    assert (models / "adapter.safetensors").exists()
    assert len(model_list.named_models(session.memory)) == 2


async def test_without_a_model_keys_say_what_to_do(drive: Drive) -> None:
    async with drive((80, 24)) as it:
        await it.press("6", "M")
        await it.sees("none yet: a adds a file")
        for key in ("c", "w", "H", "d"):
            await it.press(key)
            await it.until(lambda: "There is no model here yet" in it.notices)
        await it.press("m")
        await it.sees("Merge models")


def test_a_run_without_a_base_model_lists_none(session: Session, tmp_path: Path) -> None:
    run = RunFolder.create(session.runs.folder, "bare", dump_recipe(Recipe()), tmp_path / "m", "0" * 64)
    (run.output_dir).mkdir(exist_ok=True)
    listed = model_list.models_at_hand([], session.runs.all())
    assert listed == []
    based = dump_recipe(with_values(Recipe(), {"model.path": str(tmp_path / "base.safetensors")}))
    write_small_models(tmp_path)
    (tmp_path / "a.safetensors").rename(tmp_path / "base.safetensors")
    other = RunFolder.create(session.runs.folder, "based", based, tmp_path / "m", "0" * 64)
    (only,) = model_list.models_at_hand([], session.runs.all())
    assert (only.path.name, only.kind, only.whose) == (
        "base.safetensors",
        "sd1",
        f"base of the run {other.path.name}",
    )


def test_two_apps_add_to_the_list_and_lose_nothing(session: Session, tmp_path: Path) -> None:
    def add(name: str) -> None:
        with Session.opened(session.folder) as own:
            for at in range(20):
                model_list.name_model(own.memory, tmp_path / f"{name}{at}")

    threads = [Thread(target=add, args=(name,)) for name in "ab"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(model_list.named_models(session.memory)) == 40


async def test_a_name_that_no_file_can_have_is_a_mistake(drive: Drive) -> None:
    async with drive((80, 24)) as it:
        await it.press("6", "M", "a")
        await fill(it, path="/" + "x" * 300)
        await it.press("enter")
        await it.sees("no file can have so long a name")
        await it.press("escape", "m")
        await fill(it, a="a", b="b", blocks=",".join(["0.123456789"] * 26))
        await it.press("enter")
        await it.sees("no file or folder was given")  # the numbers are numbers


def test_what_a_method_asks_for_is_read_from_its_form() -> None:
    lines = {line.name: line.value for line in merge_job().lines}
    wanted: dict[str, object] = {"density": 0.3, "drop": 0.4, "spread": 0.1, "seed": 7, "method": "della"}
    typed = {name: str(value) for name, value in wanted.items()}
    asked, seen = merge_job().read({**lines, **typed, "a": "a", "b": "b", "out": "o"}), list[MergeRecipe]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workshop, "merge_models", lambda recipe, *_, **__: seen.append(recipe))
        asked.make(lambda *_: None, replaces=False, is_dry=True)
    assert {name: getattr(seen[0], name) for name in wanted} == wanted
    assert seen[0].models == ("a", "b")
