"""What is behind a session, for tests that make or look at what no call of it does."""

from __future__ import annotations

from curator.index.collection import Collection
from curator.session.session import Session


def inside(session: Session) -> Collection:
    return session._collection
