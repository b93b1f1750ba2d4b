"""Reference of all JSON outputs, made from their schemas: `python -m curator.cli.json_reference > docs/json.md`."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from curator.cli.schemas import outputs as registry
from curator.cli.schemas.outputs import OUTPUTS, WITHOUT_JSON, Output
from curator.cli.schemas.shapes import in_words, keys_of, schema_name, shapes_in

VOCABULARY = Path(registry.__file__).with_name("vocabulary.toml")
_HEAD = """\
# JSON

Made by `python -m curator.cli.json_reference`; a test keeps it true, and another checks what every command prints.

- `--json` prints one value on stdout, or one a line; questions, progress and warnings go to stderr.
  [Exit codes](scripting.md#exit-codes) are the same with it. A report of faults, or of nothing to undo, is printed
  although the command ends with 1.
- An object names its `schema`, such as `frieze/verify/1`. The number rises when a key goes or means something else;
  new keys may come at any time. Lists and lines are bare, and so are objects whose keys are data: a table says what
  they hold.
- One word means one thing everywhere, and a thing has one word. What was promised earlier stays beside it.
- A thing's own name is `name`, its number `id`; where an object speaks of another thing, the key is that thing:
  `run`, `subset`, `image`. How many is `images`, `samples`, `steps`, or `count`. Times are ISO 8601 in UTC, spans are
  in seconds, files in bytes, sizes in pixels, shares from 0 to 1.
- Only ASCII is printed. A name that is no UTF-8 has its odd bytes as `\\udc80` to `\\udcff`: Python's `os.fsencode`
  gives the name back. What is no number (NaN) is null.

```sh
frieze stats --json
frieze tag add cat seen --yes --json
frieze ls cat --columns id,path --json
```
"""


def page() -> str:
    """The whole reference, as Markdown."""
    return "\n".join([_HEAD, _commands(), _words(), _shapes()])


def all_shapes() -> dict[str, type]:
    """Every schema by its name, in the order of the commands."""
    roots = (each.shape for outputs in OUTPUTS.values() for each in outputs if each.shape)
    return {shape.__name__: shape for root in roots for shape in shapes_in(root)}


def _commands() -> str:
    rows = [
        f"| `{name}` | {_when(each)} | {_printed(each)} |\n"
        for name, outputs in OUTPUTS.items()
        for each in outputs
    ]
    rows += [f"| `{name}` | | nothing: {why} |\n" for name, why in WITHOUT_JSON.items()]
    return "## Commands\n\n| command | with | prints |\n|---|---|---|\n" + "".join(rows)


def _when(output: Output) -> str:
    return ", ".join(f"`{option}`" for option in output.when.split(", ") if option)


def _printed(output: Output) -> str:
    if output.shape is None:
        return {
            "events": "[events](events.md), one a line",
            "number": "a whole number",
            "map of texts": "an object by name, of texts",
        }.get(output.form, output.form)
    link = f"[{schema_name(output.shape) or output.shape.__name__}](#{output.shape.__name__.lower()})"
    return {"object": link, "lines": f"{link}, one a line", "map": f"an object by name, of {link}"}.get(
        output.form, f"a list of {link}"
    )


def _words() -> str:
    told = tomllib.loads(VOCABULARY.read_text("utf-8"))
    also = told["also"]
    rows = (
        f"| `{word}` | {meaning}{f'; {also[word]}' if word in also else ''} |\n"
        for word, meaning in told["words"].items()
    )
    return "## Words\n\n| key | |\n|---|---|\n" + "".join(row.replace("a|b", "a\\|b") for row in rows)


def _shapes() -> str:
    parts = (_shape(name, shape) for name, shape in all_shapes().items())
    return "## Schemas\n\n" + "\n".join(parts)


def _shape(name: str, shape: type) -> str:
    keys = keys_of(shape)
    width = max(map(len, keys))
    lines = (f"{key:<{width}}  {in_words(kind)}\n" for key, kind in keys.items())
    return f"### {name}\n\n{shape.__doc__}\n\n```\n{''.join(lines)}```\n"


def types_of_words() -> Iterator[tuple[str, str]]:
    """Every key of every schema with its type in words, null left out and schemas as `object`."""
    for shape in all_shapes().values():
        for key, kind in keys_of(shape).items():
            yield key, in_words(kind, by_name=False).removesuffix(" or null")


if __name__ == "__main__":
    sys.stdout.write(page())
