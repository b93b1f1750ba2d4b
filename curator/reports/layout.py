"""Layout of a report: its style, sections that stand in the list at the top, and what is told of its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.text import counted
from curator.pages import plot
from curator.pages.html import Html, joined, safe

if TYPE_CHECKING:
    from curator.pages.pictures import Pictures

STYLE = (
    """
body { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h2 { margin: 1.6rem 0 0.5rem 0; padding-top: 0.5rem; border-top: 1px solid var(--line); }
h3 { font-size: 0.95rem; margin: 0.9rem 0 0.3rem 0; }
nav { font-size: 0.9rem; } nav a { margin-right: 0.8rem; white-space: nowrap; } a { color: var(--c0); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 0.8rem; margin: 0.3rem 0; }
td, th { border-bottom: 1px solid var(--line); padding: 4px 8px 4px 0; } th { color: var(--soft); font-weight: 500;
  white-space: nowrap; }
td:first-child { min-width: 5rem; }
code, pre { font: 0.85em ui-monospace, monospace; overflow-wrap: anywhere; } pre { white-space: pre-wrap; }
.bar { background: var(--bar); height: 0.55rem; } td > .bar { margin-top: 0.35rem; }
.bars table { width: 100%; } .bars td:first-child { width: 38%; }
.bars td:nth-child(2) { width: 1%; text-align: right; white-space: nowrap; }
.plots, .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 0.8rem; }
.cards { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); font-size: 0.8rem; }
.cards img { width: auto; max-width: 100%; max-height: 14rem; }
.cards > div { min-width: 0; overflow-wrap: anywhere; }
.samples td { min-width: 8rem; max-width: 14rem; } .samples td:first-child { max-width: 12rem; font-size: 0.8rem; }
.no-picture { font-size: 0.8rem; color: var(--soft); } .wrong.no-picture { color: var(--wrong); }
ul { padding-left: 1.1rem; margin: 0.3rem 0; } li { overflow-wrap: anywhere; }
footer { margin-top: 2rem; font-size: 0.8rem; color: var(--soft); }
@media (max-width: 600px) {
  body { padding: 0.7rem; } .plots { grid-template-columns: minmax(0, 1fr); }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  dl { grid-template-columns: minmax(5rem, 32%) minmax(0, 1fr); }
  .samples td { min-width: 7rem; } .samples td:first-child { min-width: 5rem; max-width: 7rem; }
}
"""
    + plot.STYLE
)


class Section(NamedTuple):
    """A part of a report; one with nothing in it is not shown."""

    name: str
    body: Html


def laid_out(title: str, said: Html, sections: Sequence[Section], pictures: Pictures) -> Iterator[Html]:
    """The body of a report: what it is, the list of its sections, the sections, and what was left out."""
    shown = [each for each in sections if each.body]
    yield Html(f"<h1>{safe(title)}</h1>\n{said}\n<nav>")
    yield joined(Html(f'<a href="#s{n}">{safe(each.name)}</a>\n') for n, each in enumerate(shown))
    yield Html("</nav>\n")
    for number, each in enumerate(shown):
        yield Html(f'<section id="s{number}"><h2>{safe(each.name)}</h2>\n{each.body}</section>\n')
    left_out = f"; {pictures.left_out:,} left out, to bound its size" if pictures.left_out else ""
    yield Html(f"<footer>{safe(counted(pictures.shown, 'picture') + ' in this page' + left_out)}.</footer>\n")


def listed(lines: Sequence[Html]) -> Html:
    """Lines as a list; nothing where there is none."""
    return Html(f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>\n" if lines else "")


def boxed(kind: str, body: Html) -> Html:
    """Parts that the style lays out as `kind`; nothing around nothing."""
    return Html(f'<div class="{kind}">{body}</div>\n' if body else "")


def code(text: str) -> Html:
    """Foreign text in letters of one width."""
    return Html(f"<code>{safe(text)}</code>")
