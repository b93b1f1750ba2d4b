"""HTML pages: one file each, no script, nothing fetched; foreign text is made visible and escaped in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NewType

from curator.contract.errors import ReplaceableError, UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.text import visible

Html = NewType("Html", str)  # text of a page: ours, or foreign text that `safe` has escaped

# Policy: should anything slip through, a browser neither runs nor fetches it.
_HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    "style-src 'unsafe-inline'\">"
)
_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #111; --soft: #555; --line: #ddd; --wrong: #b00020;
  --bar: #9cc3e8; --c0: #0a66b7; --c1: #b4510a; --c2: #1b7f3b; --c3: #8a2fa0; --c4: #8a6d00; --c5: #c2185b; }
@media (prefers-color-scheme: dark) { :root { --ground: #161616; --ink: #eee; --soft: #aaa; --line: #3a3a3a;
  --wrong: #ff6b81; --bar: #2c557a; --c0: #6cb2f5; --c1: #f2a25c; --c2: #6fd08c; --c3: #d699e6; --c4: #e0c04c;
  --c5: #ff85b3; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 0; padding: 0.8rem; background: var(--ground);
  color: var(--ink); }
h1 { font-size: 1.2rem; } h2 { font-size: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: 4px; vertical-align: top; text-align: left; overflow-wrap: anywhere; }
img { display: block; width: 100%; height: auto; }
summary { font-size: 0.8rem; color: var(--soft); } dt { color: var(--soft); }
dd { margin: 0 0 0.2rem 0; overflow-wrap: anywhere; }
.wrong { color: var(--wrong); font-weight: 600; }
"""


def safe(text: object) -> Html:
    """Foreign text as part of a page: control and bidi characters shown, nothing in it obeyed."""
    return Html(escape(visible(str(text))))


def joined(parts: Iterable[Html]) -> Html:
    """Parts of a page one after the other."""
    return Html("".join(parts))


def table(headings: Sequence[str], rows: Iterable[Sequence[Html]]) -> Html:
    """A table that scrolls sideways where it is wider than the page; nothing where it has no row."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    if not body:
        return Html("")
    head = "".join(f"<th>{safe(word)}</th>" for word in headings)
    head = f"<thead><tr>{head}</tr></thead>\n" if any(headings) else ""
    return Html(f'<div class="scroll"><table>\n{head}<tbody>\n{body}</tbody></table></div>\n')


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """What is known by name; what is empty is left out."""
    said = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in pairs if value != "")
    return Html(f"<dl>{said}</dl>")


def bars(rows: Sequence[tuple[str, int]]) -> Html:
    """Counts by name, each with a bar as long as its share of the largest."""
    most = max((count for _, count in rows), default=0)
    return table(
        ("", "", ""),
        ((safe(name), safe(f"{count:,}"), _bar(100 * count / most if most else 0.0)) for name, count in rows),
    )


def _bar(percent: float) -> Html:
    return Html(f'<div class="bar" style="width:{percent:.1f}%"></div>')


def folded(summary: str, body: Html) -> Html:
    """What is shown when it is asked for."""
    return Html(f"<details><summary>{safe(summary)}</summary>{body}</details>")


def write_page(path: Path, title: str, style: str, body: Iterable[Html], *, replace: bool = True) -> None:
    """Write a page whole; its parts are made while it is written.

    Raises:
        TakenError: without `replace`, something has the name.
        OSError: no space, or no right to write there.
    """
    with drafted_file(path, replace=replace) as draft, draft.open("w", encoding="utf-8") as file:
        file.write(f"{_HEAD}<title>{safe(title)}</title><style>{_STYLE}{style}</style></head><body>\n")
        file.writelines(body)
        file.write("</body></html>\n")


def write_page_for_person(path: Path, title: str, style: str, body: Iterable[Html], *, replace: bool) -> None:
    """The same, where a person chose the place.

    Raises:
        UserError: something is there, or it cannot be written.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder", "name a file in it")
    try:
        write_page(path, title, style, body, replace=replace)
    except TakenError as error:
        raise ReplaceableError(
            f"{path} is there already", "choose another name, or give --replace"
        ) from error
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "free space, or check its folder"
        ) from error
