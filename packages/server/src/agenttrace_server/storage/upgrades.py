"""What stands between a store and this release's schema, told before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agenttrace_server.storage.schema import check_revision

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Step(NamedTuple):
    """A migration that is to be run."""

    revision: str
    summary: str
    """What it does, in a sentence."""


class Upgrade(NamedTuple):
    """The migrations of a store that are to be run, in their order."""

    place: str
    """Where the store is, without a password."""
    revision: str | None
    """Of its schema now; None: it is empty."""
    steps: tuple[Step, ...]


def plan_upgrade(connection: Connection, *, place: str) -> Upgrade:
    """Return what is to be done to a store.

    Raises:
        StartError: it is another program's, or was written by a newer release.

    """
    return list_steps(check_revision(connection), place=place)


def list_steps(revision: str | None, *, place: str) -> Upgrade:
    """Return what is to be done to a store of that schema; None: one that is to be made."""
    from alembic.config import Config  # noqa: PLC0415 -- 0.15 s that a start does not pay
    from alembic.script import ScriptDirectory  # noqa: PLC0415 -- see above

    config = Config()
    config.set_main_option("script_location", "agenttrace_server.storage:migrations")
    scripts = ScriptDirectory.from_config(config)
    missing = reversed([*scripts.iterate_revisions("head", revision or "base")])
    steps = tuple(Step(each.revision, each.doc.strip()) for each in missing)
    return Upgrade(place, revision, steps)
