"""C15: programs that record with a key, without one, and with a wrong one, one after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agenttrace import Tracer
from agenttrace.pipeline.stats import ExporterStats
from agenttrace.settings import Settings

from ..support.accounts import AccountsServer

NAMES = "{runs(first: 50) {edges {node {name}}}}"


@pytest.fixture
def record(accounts: AccountsServer, tmp_path: Path) -> Callable[[str | None, str], ExporterStats]:
    """Be a program that records one run with a key; return how it ended."""

    def run(api_key: str | None, name: str) -> ExporterStats:
        settings = Settings(api_key=api_key, spool_folder=str(tmp_path / "spool"))
        tracer = Tracer(settings=settings)
        tracer.set_exporter(f"{accounts.url}/api")
        with tracer.run(name):
            pass
        tracer.flush(timeout_s=30)
        tracer.shutdown(timeout_s=10)
        (stats,) = tracer.stats().exporters
        return stats

    return run


def _list_names(accounts: AccountsServer) -> list[str]:
    edges = accounts.operator.ask(NAMES)["edges"]
    return sorted(edge["node"]["name"] for edge in edges)


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("kind", ["READ", "revoked", "none"])
def test_c15_a_key_that_is_refused_loses_nothing(
    accounts: AccountsServer, record: Callable[[str | None, str], ExporterStats], kind: str
) -> None:
    """What had no key goes with the right one; what had the wrong one waits for that one."""
    wrong = "agt_no_key"
    if kind != "none":
        key_id, wrong = accounts.make_key("READ" if kind == "READ" else "INGEST")
    if kind == "revoked":
        revoke = "mutation($id: ID!){revokeApiKey(id:$id){errors{code}}}"
        assert accounts.operator.ask(revoke, id=key_id) == {"errors": []}
    before = record(None, "before")
    assert (before.spooled, before.dropped) == (2, {})
    meanwhile = record(wrong, "meanwhile")
    assert (meanwhile.adopted, meanwhile.spooled, meanwhile.dropped) == (0, 2, {})
    after = record(accounts.make_key("INGEST")[1], "after")
    assert (after.adopted, after.spooled, after.dropped) == (2, 0, {})
    assert _list_names(accounts) == ["after", "before"]
