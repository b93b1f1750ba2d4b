"""`frieze model explain`: back to the run, the manifest, the selection's filter and the ancestors (B06)."""

from __future__ import annotations

import shutil
from pathlib import Path

from curator.contract.base_model.file_hashes import sha256_of
from curator.contract.base_model.safetensors_header import read_header
from curator.contract.run.run_folder import RunFolder
from tests.cli.conftest import Frieze
from tests.publish.trained import write_weights


def test_a_checkpoint_leads_to_its_selection(run: RunFolder, frieze: Frieze) -> None:
    file = run.output_dir / "foxes.safetensors"
    first, base = frieze("model", "explain", file, "--json").json["models"]
    assert (first["made_by"], first["run_folder"], first["parent"]) == ("a training", str(run.path), None)
    assert first["manifest"].endswith("set.manifest")
    assert first["digest"] == run.info().manifest_digest
    assert [(each["name"], each["filter"], each["images"]) for each in first["subsets"]] == [
        ("foxes", "fox", 3), ("rest", "-fox", 1),
    ]  # fmt: skip
    assert "rank = " in first["recipe"]
    assert "/home/somebody" not in first["recipe"]
    assert (base["name"], base["role"], base["sha256"], base["parent"]) == (
        "base.safetensors", "trained from", "b" * 64, 0,
    )  # fmt: skip
    assert base["unknown"] == ["no file of it is here, so its own ancestors are not known"]
    lines = frieze("model", "explain", file).lines
    assert any("subset" in line and "foxes: fox (3 images x 3)" in line for line in lines)


def test_metadata_alone_tell_most_of_it(run: RunFolder, frieze: Frieze, tmp_path: Path, monkeypatch) -> None:
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(run.output_dir / "foxes.safetensors", alone / "x.safetensors")
    monkeypatch.chdir(alone)
    first, _ = frieze("model", "explain", "x.safetensors", "--json").json["models"]
    assert (first["run"], first["run_folder"]) == ("foxes", None)
    assert [each["filter"] for each in first["subsets"]] == ["fox", "-fox"]
    assert first["unknown"] == [
        "its run is not here",
        f"its manifest, of digest {run.info().manifest_digest}, is not here",
    ]


def test_what_a_filter_names_is_told_as_it_is_now(frozen: Path, frieze: Frieze) -> None:
    from tests.publish.trained import make_run

    assert frieze("filter", "save", "my foxes", "fox width>=64").code == 0
    assert frieze("subset", "set", "foxes", "--filter", 'saved:"my foxes"').code == 0
    assert frieze("freeze", "named", "--resolution", 256, "--min", 64).code == 0
    run = make_run(frozen.parents[1] / "runs", frozen.with_name("named.manifest"))
    first, *_ = frieze("model", "explain", run.output_dir / "foxes.safetensors", "--json").json["models"]
    assert first["subsets"][0]["meanings"] == {"saved:my foxes": "fox width>=64"}


def test_ancestors_are_a_tree_of_files_with_the_same_hash(
    run: RunFolder, frieze: Frieze, tmp_path: Path
) -> None:
    trained = shutil.copy(run.output_dir / "foxes.safetensors", tmp_path / "a.safetensors")
    other = write_weights(tmp_path / "b.safetensors", {})
    said = f"a.safetensors (sha256 {sha256_of(Path(trained))}), b.safetensors (sha256 {sha256_of(other)}), c.ckpt"
    merge = {"frieze.merge": 'method = "weighted-sum"\n', "modelspec.merged_from": said}
    made = write_weights(tmp_path / "m.safetensors", merge)
    models = frieze("model", "explain", made, "--json").json["models"]
    assert [(each["number"], each["parent"], each["name"], each["made_by"]) for each in models] == [
        (0, None, "m.safetensors", "a merge"),
        (1, 0, "a.safetensors", "a training"),
        (2, 1, "base.safetensors", ""),
        (3, 0, "b.safetensors", ""),
        (4, 0, "c.ckpt", ""),
    ]
    assert models[0]["recipe"] == 'method = "weighted-sum"'
    assert models[3]["unknown"] == ["the file does not say where it comes from"]
    assert "its hash was not written down" in models[4]["unknown"]
    write_weights(other, {"another": "one"})
    again = frieze("model", "explain", made, "--json").json["models"]
    assert (again[3]["path"], again[3]["unknown"][0][:19]) == (None, "no file of it is he")


def test_what_came_after_a_training_is_told_behind_it(run: RunFolder, frieze: Frieze, tmp_path: Path) -> None:
    header = read_header(run.output_dir / "foxes.safetensors")
    restored = {**header.metadata, "frieze.restored": "token and position embeddings of base.safetensors"}
    made = write_weights(tmp_path / "r.safetensors", restored)
    first, base = frieze("model", "explain", made, "--json").json["models"]
    assert first["made_by"] == "a training, then restored embeddings"
    assert first["recipe"].splitlines()[-1] == "token and position embeddings of base.safetensors"
    assert (first["run_folder"], base["role"]) == (str(run.path), "trained from")


def test_a_file_that_is_its_own_ancestor_ends_somewhere(frieze: Frieze, tmp_path: Path) -> None:
    made = write_weights(tmp_path / "m.safetensors", {"modelspec.merged_from": "m.safetensors"})
    *_, last = frieze("model", "explain", made, "--json").json["models"]
    assert last["unknown"] == ["its ancestors lead back to itself"]


def test_nothing_obeys_and_no_pickle_is_explained(frieze: Frieze, tmp_path: Path) -> None:
    odd = write_weights(tmp_path / "odd.safetensors", {"modelspec.merged_from": "\x1b[31mred"})
    done = frieze("model", "explain", odd)
    assert (done.code, "\x1b" in done.out) == (0, False)
    (tmp_path / "p.ckpt").write_bytes(b"\x80\x02}q\x00.")
    refused = frieze("model", "explain", tmp_path / "p.ckpt")
    assert (refused.code, "is a pickle" in refused.err) == (2, True), refused.err
