"""Hints in the app's own words: what a hint says of the command line is said of keys and forms here.

Errors and findings are written once, for commands too. Each line of the table is a piece of a hint as it is written
there, and what stands in its place here; a test finds every hint with an option that has none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.contract.errors import UserError

_OWN = (
    # manifests
    (r"give one made by 'frieze manifest export'", "give one that X in Freeze wrote, of the format jsonl"),
    (r"check it with 'frieze manifest verify'", "v in Freeze verifies it"),
    (r"make one with 'frieze freeze NAME'", "make one in Freeze: n names and freezes"),
    (r"--copy means nothing for", "copies mean nothing for"),
    (r"(.*: its loss weight is) --prior_loss_weight", r"\1 prior_loss_weight"),
    # findings of a freeze
    (r"frieze subset set .+ --trigger WORD", "c in Subsets gives it one"),
    (r"see 'frieze tag check-identifier' for a free word", "c in Subsets gives it another word"),
    (r"frieze buckets --set changes it", "s in Subsets changes it"),
    (r"frieze subset set NAME --no-reg", "e in Subsets says what is regularisation"),
    (r"frieze subset set .+ --rule escape_parentheses=true, and", "c in Subsets: escape parentheses, yes; and"),
    (r"see 'frieze quarantine'", "enter lists them; Q in Browse too"),
    (r"'frieze dupes' shows copies;", "D in Browse shows copies;"),
    (r"'frieze dupes --near 6 --mark' keeps", "D in Browse, + there up to 6 bits, and B keeps"),
    (r"see 'frieze ls sort:-tags'", "sort:-tags in Browse shows which"),
    (r"see the numbers with 'frieze ls --columns id,name'", "# in Browse goes to an id"),
    # runs
    (r"list the runs with 'frieze runs list'", "choose another one in Runs"),
    (r"follow it with 'frieze runs follow'", "enter in Runs shows it"),
    (r"start it again with 'frieze train --resume(?: \S+)?'", "r in Runs starts it again"),
    (r"'frieze train --fork' trains it longer", "a fork by 'frieze train' trains it longer"),
    (r"'frieze train --fork RUN (?:--set )?length\.steps=N'", "fork it by 'frieze train'"),
    (r"start another with 'frieze train MANIFEST'", "Train sets another one up"),
    (r"start one with 'frieze train'", "Train sets one up"),
    (r"hold it, release it or take it out: frieze runs queue .*", "Q shows the queue: h holds it, x takes it out"),
    (r"take it out first: frieze runs queue RUN --remove", "take it out first: Q shows the queue, x takes it out"),
    (r"put it there with 'frieze train --resume RUN --queue'", "Q in Train puts a run there"),
    (r"stop it with 'frieze runs stop', or 'frieze runs pause --free' keeps", "x in Runs stops it, P there keeps"),
    (r"see 'frieze runs queue'", "Q in Runs shows the queue"),
    (r"see 'frieze runs show'", "Runs shows why"),
    (r"stop it first with 'frieze runs stop --wait'", "stop it first: x"),
    (r"have it save some: frieze runs save RUN", "have it save some: s"),
    (r"ask for them with 'frieze runs save'", "s in Runs asks for them"),
    (r"give --model PATH, or set model.path", "set model.path"),
    (r"add a subset first, or give --size WxH", "add a subset first"),
    (r"name one of 'frieze cache list' with --cache", "C in Runs lists them"),
    (r"give --unused, --unused-days, --most-gib or --damaged", "say yes to one, or type days or a size"),
    (r"remove whole caches with --unused-days", "remove whole caches by their unused days"),
    (r"--set (\S+=\S+)", r"\1"),
    # grids
    (r"make one with 'frieze grid SPEC --out DIR'", "n makes one"),
    (r"or judge by another axis with --by", "or judge by another axis"),
    (r"name one with --by AXIS", "name one"),
    # images, tags, other tools' data
    (r"; more images are a list \(--from FILE\), or a pick of one", "; more images are a pick: p in Prepare"),
    (r"say which with --layout:", "say which as the layout:"),
    (r"--(reg|images) means nothing for", r"\1 means nothing for"),
    (r"say with --images where the images are", "say where the images are"),
    (r"with --write-metadata; picture\.json", "when it is told to write metadata; picture.json"),
    (r"are read by 'frieze scan'", "are read by a scan (f5)"),
    (r"scan to see it, or --replace it", "a scan (f5) sees it, replace writes over it"),
    (r"scan first, or --replace it", "a scan (f5) reads it, replace writes over it"),
    (r"'frieze scan --full' takes them in", "'frieze scan' with all files read anew takes them in"),
    (r"write it with --suffix \.caption", "write it as .caption"),
    (r"and 'frieze tag write' gives each", "and W in Browse gives each"),
    (r"see 'frieze tag list'", "Tags lists them all"),
    (r"see 'frieze tag tables'", "e in Prepare shows the tables"),
    (r"give them with --head, or in the table head", "e in Prepare: the table head"),
    (r"[`']frieze history[`'] (?:lists them|shows what (?:stands|is))", "History lists them"),
    # picks
    (r"import it, then pick with --cap", "import it, then pick with a cap"),
    (r"use --by and --top instead of sort: and limit:", "say the order and how many instead of sort: and limit:"),
    (r"add --top N", "say how many"),
    (r"add --range FIRST\.\.LAST:COUNT", "say a range: FIRST..LAST:COUNT"),
    (r"take fewer with --top, or let --shortage shrink or fill", "take fewer, or let shortage shrink or fill"),
    # tag models
    (r"'frieze jobs list' tells of all jobs", "Tagging tells of all jobs"),
    (r"leave --processes out", "leave processes out"),
    (r"leave --processes and --hosts, or --cluster out", "leave processes and hosts, or the cluster out"),
    (r"leave --cluster out", "leave the cluster out"),
    # models
    (r"see 'frieze \w+ \w+ --help'", "each line of the form says what it takes"),
    (r"patterns are of whole names, such as .+ lists them", "patterns are of whole names"),
    (r"--blocks: ", "blocks: "),
    # what is there: the app asks whether to replace it
    (r", (?:or )?(?:replace (?:it|the export) with|give|add|or) --replace", ""),
)  # fmt: skip


@lru_cache(maxsize=1)
def _table() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(piece), own) for piece, own in _OWN]


def in_own_words(text: str) -> str:
    """A hint, or what happened, without options of commands that the app has no need of."""
    if "frieze" not in text and "--" not in text:
        return text
    for piece, own in _table():
        text = piece.sub(own, text)
    return text


def own_error(error: UserError) -> tuple[str, str]:
    """What happened and what to do, as the app says them."""
    return in_own_words(error.what), in_own_words(error.hint)
