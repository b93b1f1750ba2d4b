"""Lists of images between commands: `--from`, `-0`, `--strict`, and what is wrong in a list."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap

from curator.filter.named import named_images
from curator.index.collection import Collection

Frieze = Callable[..., Any]


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    program = f'set -o pipefail; frieze() {{ "{sys.executable}" -m curator "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", program], cwd=folder, capture_output=True, check=False)


def names(frieze: Frieze, filter: str) -> set[str]:
    return set(frieze("ls", filter, "--columns", "name").lines)


def test_images_go_through_a_pipe_by_id_and_by_path(collection: Path, frieze: Frieze) -> None:
    for number, form in enumerate(("--ids", "--ids -0", "-0", "-0 --columns path", "--columns file")):
        null = "-0" if "-0" in form else ""
        done = shell(
            f"frieze ls 'fox OR owl' {form} | frieze tag add --from - {null} new{number} --yes", collection
        )
        assert done.returncode == 0, done.stderr
        assert names(frieze, f"new{number}") == {"fox.png", "owl.png"}


def test_a_list_and_a_filter_are_what_both_name(collection: Path, frieze: Frieze) -> None:
    listed = collection / "list.txt"
    listed.write_text("".join(f"{line}\r\n" for line in frieze("ls", "-owl", "--ids").lines) + "\n")
    assert frieze("ls", "fox", "--from", listed, "--columns", "name").lines == ["fox.png"]
    assert frieze("ls", "limit:1 sort:-id", "--from", listed, "--count").out == "1\n"
    assert frieze("mark", "keep", "fox OR owl", f"--from={listed}").code == 0
    assert names(frieze, "mark:keep") == {"fox.png"}
    assert frieze("tag", "add", "--from", listed, "--filter", "name:wolf", "a", "b", "--yes").code == 0
    assert names(frieze, "a b") == {"wolf.png"}
    assert frieze("tag", "rename", "a", "c", "--from", listed, "--yes").code == 0
    assert names(frieze, "c") == {"wolf.png"}
    assert frieze("pick", "--from", listed, "--json").json["funnel"][0]["reason"] == "in the list"


def test_a_path_may_be_relative_to_a_root_the_folder_or_the_collection(
    collection: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = collection / "list.txt"
    for folder, path in (
        (collection, "fox.png"), (collection, "pictures/fox.png"), (collection, "./pictures/../pictures/fox.png"),
        (collection / "pictures", "./fox.png"), (collection / "pictures", "pictures/fox.png"),
        (Path("/"), str(collection / "pictures" / "fox.png")),
    ):  # fmt: skip
        listed.write_text(path)
        monkeypatch.chdir(folder)
        found = frieze("ls", "--from", listed, "--columns", "name", "--collection", collection)
        assert (found.lines, found.err) == (["fox.png"], ""), path


def test_a_path_that_fits_several_images_names_none(collection: Path, frieze: Frieze) -> None:
    inner = collection / "pictures" / "sub"
    inner.mkdir()
    shutil.copy(collection / "pictures" / "fox.png", inner / "fox.png")
    assert frieze("scan").code == 0
    listed = collection / "list.txt"
    listed.write_text("fox.png\nowl.png\n")
    done = subprocess.run(
        [sys.executable, "-m", "curator", "ls", "--from", str(listed), "--columns", "path"],
        cwd=inner, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "owl.png\n"
    assert "1 of 2 names is several images" in done.stderr


def test_names_that_are_no_lines_and_no_text_come_back_unharmed(collection: Path, frieze: Frieze) -> None:
    odd = [b"a\nb.png", b"\xff\xfe.png", b"tab\t.png", b" .png", b"\\x0a.png"]
    for name in odd:
        shutil.copy(collection / "pictures" / "fox.png", collection / "pictures" / os.fsdecode(name))
    assert frieze("scan").code == 0
    printed = shell("frieze ls -0 --columns path", collection).stdout.split(b"\0")
    assert set(odd) < set(printed)
    done = shell("frieze ls 'id>4' -0 | frieze tag add --from - -0 odd --yes", collection)
    assert done.returncode == 0, done.stderr
    assert frieze("ls", "odd", "--count").out == f"{len(odd)}\n"
    found = {os.fsencode(json.loads(line)["path"]) for line in frieze("ls", "odd", "--jsonl").lines}
    assert found == set(odd)


@pytest.mark.usefixtures("collection")
def test_json_has_the_file_and_a_line_is_an_object(frieze: Frieze) -> None:
    rows = frieze("ls", "--json").json
    assert [json.loads(line) for line in frieze("ls", "--jsonl").lines] == rows
    assert all(Path(row["file"]).is_file() and row["file"] == f"{row['root']}/{row['path']}" for row in rows)
    for words in (("--json", "-0"), ("--jsonl", "--ids"), ("-0", "--columns", "id,path")):
        assert frieze("ls", *words).code == 2


@pytest.mark.parametrize(
    ("data", "words", "code", "told"),
    [
        (b"", (), 0, "is empty"),
        (b"\n \n\r\n", (), 0, "is empty"),
        (b"", ("--strict",), 1, "nothing matched"),
        (b"1\n99\nnone.png\n2\n", (), 0, "2 of 4 names are no image here ('99', 'none.png')"),
        (b"1\n99\n", ("--strict",), 2, "1 of 2 names is no image here ('99')"),
        (b"99\n98\n97\n96\n" + b"9" * 5000, (), 2, "5 of 5 names are no image here ('99', '98', '97', ...)"),
        (b"1\0002\0", (), 2, "holds NUL bytes"),
        (b"1\0\0002\0", ("-0",), 0, ""),
        (b"1\n2\n", ("-0",), 2, "1 of 1 name is no image here"),
        (b"1\n2\n", ("-0",), 2, "leave --null out if they are one a line"),
        (bytes(range(1, 256)) * 40, (), 2, "no image here"),
        (b"x" * 200_000, (), 2, "longer than any path"),
        (b"\xef\xbb\xbf1\r\n./pictures/owl.png\r\n", (), 0, ""),
    ],
)
def test_what_is_wrong_in_a_list_is_told(
    collection: Path,
    frieze: Frieze,
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    words: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    listed = collection / "list"
    listed.write_bytes(data)
    monkeypatch.chdir(collection)
    done = frieze("ls", "--from", listed, *words)
    assert done.code == code, done.err
    assert told in done.err
    assert bool(done.err) == bool(told)


def test_a_list_without_a_name_is_told_as_one(collection: Path, frieze: Frieze) -> None:
    done = frieze("ls", "--from", "")
    assert (done.code, done.out) == (2, "")
    assert "'' cannot be read" in done.err


def test_a_terminal_is_no_list(collection: Path) -> None:
    ours, theirs = pty.openpty()
    for words in (("ls", "--from", "-"), ("buckets", "--sizes-from", "-")):
        command = [sys.executable, "-m", "curator", *words]
        done = subprocess.run(
            command, cwd=collection, stdin=theirs, capture_output=True, text=True, timeout=300
        )
        assert (done.returncode, "stdin is a terminal" in done.stderr) == (2, True)
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "foxx"), ("facets", "foxx"), ("captions", "foxx"), ("dupes", "foxx"), ("buckets", "foxx"),
        ("pick", "foxx"), ("mark", "keep", "foxx"), ("tag", "add", "foxx", "a"), ("tag", "clean", "foxx"),
        ("tag", "write", "foxx"), ("tag", "order", "foxx"), ("tag", "derive", "foxx", "year"),
        ("export", "sqlite", "out.db", "foxx"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("collection")
def test_a_tag_that_no_image_has_is_told_and_refused_by_strict(
    frieze: Frieze, words: tuple[str, ...]
) -> None:
    told = frieze(*words)
    assert (told.code, "'foxx'" in told.err) == (0, True)
    refused = frieze(*words, "--strict")
    assert (refused.code, refused.out, "'foxx'" in refused.err) == (2, "", True)
    nothing = frieze(*("fox mark:reject" if word == "foxx" else word for word in words), "--strict")
    assert nothing.code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("subset", "add", "new", "foxx"), ("subset", "put", "new", "foxx"), ("filter", "save", "new", "foxx"),
        ("subset", "put", "new", "foxx", "--json"), ("filter", "save", "new", "foxx", "--json"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("collection")
def test_a_tag_that_no_image_has_is_told_where_a_filter_is_kept(
    frieze: Frieze, words: tuple[str, ...]
) -> None:
    told = frieze(*words)
    assert (told.code, "'foxx'" in told.err) == (0, True)
    if words[0] == "subset":
        assert "'foxx'" in frieze("subset", "set", "new", "--repeats", 2).err
        assert frieze("subset", "set", "new", "--repeats", 3, "--strict").code == 2
        assert frieze("subset", "set", "new", "--filter", "fox mark:keep", "--strict").code == 1
        assert {each["filter"]: each["repeats"] for each in frieze("subset", "list", "--json").json} == {
            "foxx": 2
        }
    commits = len(frieze("history", "--json").json)
    other = ["other" if word == "new" else word for word in words]
    refused = frieze(*other, "--strict")
    assert (refused.code, refused.out, "'foxx'" in refused.err) == (2, "", True)
    assert frieze(*("fox mark:reject" if word == "foxx" else word for word in other), "--strict").code == 1
    assert len(frieze("history", "--json").json) == commits  # nothing was kept
    assert frieze(*("fox" if word == "foxx" else word for word in other), "--strict").code == 0


@pytest.mark.parametrize(("end", "code"), [("| true", 0), ("| head -c1", 0), ("> /dev/full", 2)])
@pytest.mark.parametrize("option", ["", "--atomic", "--keep-going"])
def test_a_batch_is_done_in_spite_of_what_becomes_of_its_output(
    collection: Path, frieze: Frieze, option: str, end: str, code: int
) -> None:
    (collection / "lines").write_text("mark keep fox\nls --json\nmark reject owl\n")
    done = shell(f"{UNBUFFERED}frieze batch {option} < lines {end}", collection)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert names(frieze, "mark:keep OR mark:reject") == {"fox.png", "owl.png"}


UNBUFFERED = "export PYTHONUNBUFFERED=1; "  # the first line already finds the pipe closed


@pytest.mark.parametrize("end", ["| true", "| head -c1", "> /dev/full"])
@pytest.mark.parametrize("edit", ["tag clean ''", "dupes --mark"])
def test_an_edit_is_made_in_spite_of_what_becomes_of_its_output(
    collection: Path, frieze: Frieze, edit: str, end: str
) -> None:
    shutil.copy(collection / "pictures" / "fox.png", collection / "pictures" / "copy.png")
    (collection / "pictures" / "copy.txt").write_text("1girl, 2girls, :), long_hair_, solo")
    assert frieze("scan").code == 0
    (collection / "clean.csv").write_text("antecedent_name,consequent_name\nanimal,beast\n")
    more = "--aliases clean.csv" if edit.startswith("tag") else ""
    before = len(frieze("history", "--json").json)
    before_it = "" if ">" in end else UNBUFFERED
    done = shell(f"{before_it}frieze {edit} {more} --yes {end}", collection)
    assert len(frieze("history", "--json").json) > before, done.stderr
    if end == "> /dev/full":
        assert (done.returncode, b"the disk is full where stdout goes" in done.stderr) == (2, True)
    assert not any(word in done.stderr for word in (b"Traceback", b"Exception ignored"))


@pytest.mark.parametrize("line", ["ls", "ls -0", "ls --jsonl", "facets", "tag add fox new", "ls --ids"])
def test_a_full_disk_behind_stdout_is_a_sentence_and_a_closed_pipe_nothing(
    collection: Path, line: str
) -> None:
    for before in ("", UNBUFFERED):
        done = shell(f"{before}frieze {line} > /dev/full", collection)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 2), done.stderr
        assert shell(f"{before}frieze {line} | true", collection).stderr == b""


def test_a_million_names_are_read(collection: Path) -> None:
    with Collection.open(collection) as index:
        found = named_images(index, (b"%d" % (n % 5) for n in range(1_000_000)), collection)
        paths = named_images(index, (b"none/%d.png" % n for n in range(50_000)), collection)
    assert (found.images, found.count, found.unknown_count) == (BitMap([1, 2, 3, 4]), 1_000_000, 200_000)
    assert (len(paths.images), paths.unknown_count, len(paths.unknown)) == (0, 50_000, 3)


def test_a_million_lines_go_through_a_command(collection: Path) -> None:
    line = "seq 1000000 | frieze tag add --from - many --yes && yes | head -n 1000000 | frieze ls --from - --count"
    done = shell(line, collection)
    assert (done.returncode, done.stdout) == (2, b"4 of 4 images changed: add 'many'\n")
    assert b"stdin: 999,996 of 1,000,000 names are no image here ('5', '6', '7', ...)" in done.stderr
    assert b"1,000,000 of 1,000,000 names are no image here ('y', 'y', 'y', ...)" in done.stderr


def test_a_filter_of_very_many_ids_is_answered_or_told_where_they_belong(
    collection: Path, frieze: Frieze
) -> None:
    ids = ",".join(map(str, range(1, 80_000)))
    assert frieze("ls", f"id:{ids}", "--count").out == "4\n"
    done = frieze("ls", f"id:{ids},{ids}", "--count")
    assert (done.code, "give one" in done.err, "are a list (--from FILE)" in done.err) == (2, False, True)
