"""`frieze tag class` and `tag alias`: what kind of tag a tag is, and by which other words it is found."""

from __future__ import annotations

from typing import Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.shared.output import put_named, tell


def set_class(
    cls: Annotated[
        str, typer.Argument(metavar="CLASS", help="Such as character, artist, or a word of yours.")
    ],
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags; commas part them as well.")],
    *,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give tags a class; filters find them by it (artist:NAME), and captions are ordered by it."""
    from curator.tags.text import clean_tags

    names = clean_tags(", ".join(tags))
    with opened(collection) as session, session.edits.recorded() as commits:
        session.tags.set_class(names, cls)
    put_named(cls, commits) if as_json else tell(f"{', '.join(names)}: {cls}")


def alias(
    word: Annotated[str, typer.Argument(metavar="WORD", help="Another word for a tag.")],
    tag: Annotated[str, typer.Argument(metavar="[TAG]", help="The tag it shall find.")] = "",
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the word instead.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let another word find a tag, where tags are typed and in 'frieze tag find'; images keep the tag as it is."""
    from curator.contract.errors import UserError
    from curator.tags.text import clean_tag

    if remove == bool(tag):
        raise UserError("an alias needs its tag, or --remove", "frieze tag alias feline cat")
    with opened(collection) as session, session.edits.recorded() as commits:
        if remove:
            session.tags.remove_alias(word)
        else:
            session.tags.put_alias(clean_tag(word), clean_tag(tag))
    if as_json:
        put_named(word, commits)
    else:
        tell(f"alias {word} removed" if remove else f"{word} finds {tag}")
