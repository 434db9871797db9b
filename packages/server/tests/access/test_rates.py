"""C35: a sender that runs wild waits, and no other does."""

from __future__ import annotations

import pytest

from agenttrace_server.errors import CrowdedError
from agenttrace_server.identity import LOCAL, ActorKind, Principal, Scope
from agenttrace_server.services import rates
from agenttrace_server.services.rates import SenderRates

from ..support.accounts import AccountsServer
from ..support.client import NDJSON
from ..support.lines import make_run

ONE = Principal(ActorKind.KEY, "one", "one", scope=Scope.INGEST)
OTHER = Principal(ActorKind.KEY, "other", "other", scope=Scope.INGEST)


def _count(limits: SenderRates, sender: Principal, tries: int) -> int:
    taken = 0
    for _ in range(tries):
        try:
            limits.take(sender)
        except CrowdedError:
            continue
        taken += 1
    return taken


def test_c35_what_a_sender_may_send_grows_with_time() -> None:
    """Up to a burst, each sender its own; a clock that stands still gives nothing."""
    now_s = [0.0]
    limits = SenderRates(per_s=2, burst=5, clock_s=lambda: now_s[0])
    assert _count(limits, ONE, 20) == 5
    assert _count(limits, OTHER, 20) == 5
    now_s[0] = 1.5
    assert _count(limits, ONE, 20) == 3
    now_s[0] = 1_000.0
    assert _count(limits, ONE, 20) == 5
    assert _count(limits, LOCAL, 10_000) == 10_000


def test_c35_senders_that_rest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there were, and without a request more for any."""
    monkeypatch.setattr(rates, "_MAX_SENDERS", 3)
    now_s = [0.0]
    limits = SenderRates(per_s=1, burst=2, clock_s=lambda: now_s[0])
    for number in range(3):
        limits.take(Principal(ActorKind.KEY, str(number), ""))
    assert _count(limits, ONE, 5) == 2
    now_s[0] = 1.0
    limits.take(OTHER)
    assert set(limits._left) == {(ActorKind.KEY, "one"), (ActorKind.KEY, "other")}


def test_c35_a_key_that_sends_too_often_waits(accounts: AccountsServer) -> None:
    """429 with Retry-After, before its body is looked at; by either door. Others go on."""
    wild, calm = accounts.use_key("INGEST"), accounts.use_key("INGEST")
    limits = accounts.server.app.rates
    limits._burst, limits._per_s = 3, 0.0
    answers = [wild.send([make_run(number)]) for number in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    refused = wild.http.post("/api/ingest", content=b"no records", headers=NDJSON)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["code"] == "too_fast"
    over_graphql = wild.ask_raw("mutation {ingest(records: []) {accepted}}").json()
    assert over_graphql["errors"][0]["extensions"]["code"] == "OVERLOADED"
    assert calm.send([make_run(9)]).status_code == 200
