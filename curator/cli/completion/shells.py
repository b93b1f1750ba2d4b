"""What bash, zsh and fish are told when a word of a command line is completed, and the scripts that ask.

Typer resolves the line to a command and a parameter; what may stand there is in `candidates.py`. Names and tags are
foreign text: no script evaluates what it is given, and what a shell would obey is escaped where it is put in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from typer._click.shell_completion import _resolve_context, _resolve_incomplete
from typer.core import TyperGroup

from curator.cli.command_words import COMMANDS, COMPLETES
from curator.cli.completion.candidates import Candidate, candidates
from curator.cli.completion.typed_line import TypedLine, read_line
from curator.cli.shared.typer_apps import built, verbs_of

_LINE = "_FRIEZE_LINE"  # the command line up to the cursor
_APP_OPTIONS = {"--pictures": "How the app shows images.", "--theme": "The colours of the app."}
_BREAKS = "_FRIEZE_BREAKS"  # bash alone: characters that end a word for it

SCRIPTS = {
    "bash": f"""\
_frieze() {{
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <({COMPLETES}=bash {_LINE}="${{COMP_LINE:0:COMP_POINT}}" {_BREAKS}="$COMP_WORDBREAKS" "$1" 2>/dev/null)
    if [[ ${{#COMPREPLY[@]}} == 1 && $COMPREPLY == *[:=] ]]; then
        compopt -o nospace
    fi
}}
complete -o default -F _frieze frieze
""",
    "zsh": f"""\
#compdef frieze
_frieze() {{
    local line
    local -a parts words_of_it shown open_words open_shown
    for line in "${{(@f)$({COMPLETES}=zsh {_LINE}="${{(pj: :)words[1,CURRENT]}}" $words[1] 2>/dev/null)}}"; do
        [[ -z $line ]] && continue
        parts=("${{(@ps:\\t:)line}}")
        if [[ $parts[1] == *[:=] ]]; then
            open_words+=("$parts[1]")
            open_shown+=("${{(j:  :)parts}}")
        else
            words_of_it+=("$parts[1]")
            shown+=("${{(j:  :)parts}}")
        fi
    done
    if (( ! $#words_of_it && ! $#open_words )); then
        _files
        return
    fi
    (( $#words_of_it )) && compadd -l -d shown -a words_of_it
    (( $#open_words )) && compadd -S '' -l -d open_shown -a open_words
    return 0
}}
if [[ $funcstack[1] == _frieze ]]; then
    _frieze "$@"
else
    compdef _frieze frieze
fi
""",
    "fish": f"""\
function __frieze_complete
    set -l found (env {COMPLETES}=fish {_LINE}=(commandline -cp | string collect) (commandline -po)[1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command frieze --no-files --arguments '(__frieze_complete)'
""",
}


def answer(shell: str) -> str:
    """What a script of `SCRIPTS` is told: a candidate a line, for zsh and fish with a few words behind a tab."""
    line = read_line(os.environ.get(_LINE, ""), os.environ.get(_BREAKS, ""))
    try:
        found = _found(line)
    except Exception:  # noqa: BLE001  (a line half typed may be anything, and a person who types wants no traceback)
        return ""
    if shell == "bash":
        words = (_for_bash(each.value, line) for each in found)
        return "".join(f"{word}\n" for word in words if word is not None)
    return "".join(f"{each.value}\t{_in_one_line(each.help)}\n" for each in found)


def _found(line: TypedLine) -> list[Candidate]:
    """What may stand where the cursor is."""
    words = line.words[1:]
    if words[:1] == ["help"]:
        words = words[1:]
    if not words or words[0] in _APP_OPTIONS:
        return _of_the_app(words, line.last)
    words = ["-" if _begins_filter(word) else word for word in words]
    if words[0] not in COMMANDS:
        return []
    command = COMMANDS[words[0]]
    module = f"curator.cli.{command.module}"
    has_verb = words[1:2] != [] and words[1] in verbs_of(module, command.app)
    made = built(module, command.app, words[1] if has_verb else "")  # of many verbs the one that is meant
    context = _resolve_context(made, {}, "frieze", words[1 + has_verb :])
    if isinstance(context.command, TyperGroup) and len(words) > 1:
        return []  # of no verb
    # `-blu` is the beginning of a filter, and Typer takes a dash for that of an option.
    last = line.last[1:] if _begins_filter(line.last) else line.last
    place, typed = _resolve_incomplete(context, words, last)
    found = None
    if place in context.command.get_params(context):
        found = candidates(
            place, (words[0], words[1] if has_verb else ""), context.params.get("collection"), typed
        )
    if found is None:
        told = place.shell_complete(context, typed)
        found = [Candidate(each.value, each.help or "") for each in told]
    before = line.last.removesuffix(typed)  # `--filter=` of `--filter=ca`
    return [Candidate(before + each.value, each.help) for each in found]


def _of_the_app(words: Sequence[str], last: str) -> list[Candidate]:
    """Commands, the options of the app, and what these may say."""
    option = words[0] if len(words) == 1 else last.partition("=")[0]
    if option in _APP_OPTIONS and (words or "=" in last):
        from curator.cli.app_command import choices_of

        before = "" if words else f"{option}="
        known = {f"{before}{choice}": "" for choice in choices_of(option)}
    elif words:
        known = {}  # a folder
    elif last.startswith("-"):
        known = {**_APP_OPTIONS, "--help": "", "--version": ""}
    else:
        known = {word: command.help for word, command in COMMANDS.items()}
    return [Candidate(*each) for each in known.items() if each[0].startswith(last)]


def _begins_filter(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not word.startswith("--")


def _for_bash(word: str, line: TypedLine) -> str | None:
    """A candidate as it is put into the line behind what bash takes for done; None where no quoting can."""
    if line.quote == "'":
        return None if "'" in word else word
    if line.quote:
        return re.sub(r'([\\"$`])', r"\\\1", word)
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", word[line.broken_at :])


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
