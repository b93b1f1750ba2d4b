"""A tag model asked from the app: which, of which images, and where it runs; the job outlives the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from curator.contract.errors import UserError, did_you_mean
from curator.contract.tagging.job import Device
from curator.contract.tagging.zoo import find_model, models
from curator.contract.text import counted, visible
from curator.session.images.proposals import HowToPropose
from curator.tui.background import write
from curator.tui.completing.completion import words_of
from curator.tui.completing.filters import filters_of
from curator.tui.screens.dialogs.questions import Form, FormLine, whole_number_of

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.contract.tagging.zoo import ZooModel
    from curator.session.images.proposals import AskedFor
    from curator.session.session import Session


class _Wanted(NamedTuple):
    """Which model is asked, of which images, and how."""

    model: ZooModel
    filter: str
    how: HowToPropose


def ask_model(screen: Screen, session: Session, reader: Session, begun: Callable[[], None]) -> None:
    """Ask what to ask, and begin the job; `begun` is called when it is at work."""

    def check(values: Mapping[str, str]) -> _Wanted:
        model = find_model(values["model"].strip())
        device, images = values["device"].strip(), values["filter"].strip()
        if device not in get_args(Device):
            raise UserError(f"there is no device '{device}'", did_you_mean(device, get_args(Device)))
        processes = whole_number_of(values, "processes", "processes")
        if processes < 1:
            raise UserError(f"processes: {processes} would look at nothing", "type 1 or more")
        session.images.select(images)  # refuses one that is wrong
        return _Wanted(model, images, HowToPropose(cast("Device", device), processes=processes))

    def begin(result: object) -> None:
        if result is None:
            return
        wanted = cast("_Wanted", result)

        def start() -> AskedFor:
            with session.apart() as own:
                images = own.images.select(wanted.filter).ids.tolist()
                return own.proposals.propose(wanted.model, images, wanted.how, wanted.filter)

        write(screen, start, lambda asked: told(wanted.model, asked))

    def told(model: ZooModel, asked: AskedFor) -> None:
        if asked.job is None:
            said = f"it has answered for all of {counted(asked.images)} before"
        else:
            licence = f"; its licence: {visible(model.row.licence)}" if asked.first_time else ""
            said = f"looks at {counted(asked.images - asked.answered)}{licence}"
        screen.app.notify(said, title=visible(model.name), markup=False)
        begun()

    known = {
        name: f"{each.row.kind}{', its files are not here' if each.missing else ''}"
        for name, each in sorted(models().items(), key=lambda pair: bool(pair[1].missing))
    }
    here = next((name for name, each in models().items() if not each.missing), "")
    shown = str(session.memory.recall("filter", ""))
    about = "a name, or a folder with model.onnx and its labels; 'frieze models fetch' gets files"
    lines = (
        FormLine("model", "model", here, about, words_of(known)),
        FormLine("filter", "images", shown, "a filter, as in Browse; empty is all", filters_of(reader)),
        FormLine(
            "device", "device", "auto", "auto is a GPU where one can be used", words_of(get_args(Device))
        ),
        FormLine("processes", "processes", "1", "so many share the images: one for each GPU"),
    )
    screen.app.push_screen(Form("Ask a tag model", lines, check), begin)
