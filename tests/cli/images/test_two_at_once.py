"""Two programs that change what is saved by name at the same time: neither takes back what the other did.

Once in an order that is sure: a second command comes when the first has read and not yet written. Once for real.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from curator.cli.main import dispatch
from curator.cli.shared.boundary import exit_code_of
from curator.contract.buckets import BucketRule
from curator.contract.errors import UserError
from curator.contract.recipe.fields import recipe_fields
from curator.index.file import database
from curator.index.tables.rows import Subset
from curator.session.session import Session
from curator.tags.table_text import keep
from curator.tui.text.recipe_form import RecipeForm, change_remembered, remembered_form
from tests.inside import inside

ROOT = Path(__file__).parents[3]
Interleave = Callable[[Callable[[], object]], Callable[[], None]]


@pytest.fixture
def interleave(monkeypatch: pytest.MonkeyPatch) -> Interleave:
    """Makes of an act what begins it in a thread, and returns when it is done, or is seen
    to wait for its turn to write."""
    waits = threading.Event()
    plain = database.time.sleep

    def sleep(seconds: float) -> None:
        if threading.current_thread().name == "second":
            waits.set()
        plain(seconds)

    monkeypatch.setattr(database.time, "sleep", sleep)
    threads: list[threading.Thread] = []

    def made(act: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            finally:
                waits.set()

        def begin() -> None:
            if not threads:
                threads.append(threading.Thread(target=run, name="second"))
                threads[0].start()
                assert waits.wait(600)

        return begin

    yield made
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive()


def ended(session: Session, second: Callable[[Session], object]) -> Callable[[], object]:
    """A second program: opens the collection, does its act, closes it."""

    def act() -> None:
        with Session.open(session.folder) as other:
            second(other)

    return act


@pytest.fixture
def session(collection: Path):
    with Session.open(collection) as session:
        yield session


def test_values_of_one_subset(session: Session, interleave: Interleave) -> None:
    session.subsets.add(Subset("r", "fox"))
    flip = ended(session, lambda other: other.subsets.change("r", lambda now: replace(now, flip=True)))
    begin = interleave(flip)

    def repeat(now: Subset) -> Subset:
        if inside(session)._database.in_transaction:
            begin()
        return replace(now, repeats=7)

    session.subsets.change("r", repeat)
    assert_soon(lambda: session.subsets.all() == [Subset("r", "fox", repeats=7, flip=True)])


def test_values_of_the_bucket_rule(session: Session, interleave: Interleave) -> None:
    begin = interleave(
        ended(session, lambda other: other.buckets.change_rule(lambda now: replace(now, max_side=1536)))
    )

    def larger(now: BucketRule) -> BucketRule:
        begin()
        return replace(now, width=768, height=768)

    session.buckets.change_rule(larger)
    assert_soon(lambda: session.buckets.rule == BucketRule(768, 768, max_side=1536))


def test_knobs_of_the_recipe(session: Session, interleave: Interleave) -> None:
    batch, epochs = recipe_fields()["batch.size"], recipe_fields()["length.epochs"]
    begin = interleave(
        ended(session, lambda other: change_remembered(other, lambda form: form.set(epochs, 77)))
    )

    def set_batch(form: RecipeForm) -> RecipeForm:
        begin()
        return form.set(batch, 13)

    change_remembered(session, set_batch)
    assert_soon(lambda: dict(remembered_form(session).changes) == {"batch.size": 13, "length.epochs": 77})


def test_tables_of_tag_rules(
    session: Session, interleave: Interleave, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = inside(session).settings
    begin = interleave(
        ended(session, lambda other: keep(inside(other), "head", '[head]\ntags = ["masterpiece"]'))
    )
    plain = settings.get

    def get(key: str, default: object = None) -> object:
        value = plain(key, default)
        begin()
        return value

    monkeypatch.setattr(settings, "get", get)
    keep(inside(session), "order", '[order]\nfirst = ["1girl"]')
    assert_soon(
        lambda: plain("tag tables") == {"head": {"tags": ["masterpiece"]}, "order": {"first": ["1girl"]}}
    )


def test_a_name_is_given_once(session: Session) -> None:
    with Session.open(session.folder) as other:
        other.subsets.add(Subset("r", "wolf"))
    with pytest.raises(UserError, match="there is a subset 'r'"):
        session.subsets.add(Subset("r", "fox"))
    assert session.subsets.all() == [Subset("r", "wolf")]


def test_what_a_form_did_not_change_stays_as_others_set_it(session: Session) -> None:
    """The app's form was opened before another program changed the subset and the rule."""
    session.subsets.add(Subset("r", "fox"))
    shown, rule = session.subsets.all()[0], session.buckets.rule
    with Session.open(session.folder) as other:
        other.subsets.change("r", lambda now: replace(now, flip=True, rules=replace(now.rules, shuffle=True)))
        other.buckets.change_rule(lambda now: replace(now, step=32))
    session.subsets.edit(shown, replace(shown, name="s", repeats=2, rules=replace(shown.rules, keep_tags=1)))
    session.buckets.edit_rule(rule, replace(rule, width=640))
    rules = replace(shown.rules, shuffle=True, keep_tags=1)
    assert session.subsets.all() == [Subset("s", "fox", repeats=2, flip=True, rules=rules)]
    assert session.buckets.rule == replace(rule, width=640, step=32)


SCRIPT = """
import sys
from curator.cli.shared.boundary import exit_code_of
from curator.cli.main import dispatch
for line in sys.stdin.read().splitlines():
    print(exit_code_of(lambda: dispatch(line.split())), file=sys.stderr)
"""


def test_two_scripts_of_commands(collection: Path) -> None:
    """For real: each command reads, changes and writes while the other script does the same."""
    for name in ("r", "own"):
        assert exit_code_of(lambda name=name: dispatch(["subset", "add", name, "fox"])) == 0
    count = 15
    first = [f"subset set r --repeats {k}" for k in range(1, count + 1)]
    first += [f"subset add both{k} fox" for k in range(count)] + ["buckets --set --max 1536"]
    second = [f"subset set r --keep-tags {k}" for k in range(1, count + 1)]
    second += [f"subset add both{k} wolf" for k in range(count)] + ["buckets --set --resolution 640"]
    codes = _at_once(collection, first, second)
    with Session.open(collection) as session:
        known = {each.name: each for each in session.subsets.all()}
        assert (known["r"].repeats, known["r"].rules.keep_tags) == (count, count)
        assert session.buckets.rule == BucketRule(640, 640, max_side=1536)
        for k in range(count):
            told = [code[count + k] for code in codes]
            assert sorted(told) == [0, 2]  # one of the two made it, the other was told so
            assert known[f"both{k}"].filter == ("fox", "wolf")[told.index(0)]
    assert all(code == 0 for each in codes for code in [*each[:count], each[-1]])


def _at_once(folder: Path, *scripts: list[str]) -> list[list[int]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, cwd=folder, env={"PYTHONPATH": str(ROOT), "HOME": str(folder)},
        )
        for _ in scripts
    ]  # fmt: skip
    for process, script in zip(started, scripts, strict=True):
        assert process.stdin
        process.stdin.write("\n".join(script))
        process.stdin.close()
    told = [process.stderr.read() for process in started if process.stderr]
    for process in started:
        assert process.wait() == 0
    return [[int(line) for line in text.splitlines() if line.isdigit()] for text in told]


def assert_soon(condition: Callable[[], bool]) -> None:
    """What the second program does comes about, within ten minutes."""
    for _ in range(60_000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")
