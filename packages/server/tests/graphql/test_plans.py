"""Lists that are completed in one step: the answer is the ordinary executor's."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace_server.graphql.execution import FlatListExecutor
from agenttrace_server.graphql.types.run import Run

from ..support.client import Client
from ..support.index import wait_for_index
from ..support.lines import make_run
from ..support.queries import make_operations, seed
from ..support.selections import VARIABLES, make_queries
from ..support.thread import ServerThread

EXAMPLES = 60
ANY_EXAMPLES = 15


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server with some runs."""
    url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'agenttrace.db'}"
    with ServerThread(url) as running, Client(running.url) as client:
        seed(client)
        client.send([make_run(3, status="COMPLETED", rev=1, correlation_id="w", tags=["x", "y"])])
        wait_for_index(client)
        yield client


@pytest.fixture(scope="module")
def ways() -> Iterator[Counter[str]]:
    """Count the lists that were completed in one step, and those that were not."""
    counted: Counter[str] = Counter()
    complete = FlatListExecutor.complete_flat

    def count(self: FlatListExecutor, *args: Any) -> Any:
        done = complete(self, *args)
        counted["executor" if done is None else "plan" if done else "empty"] += 1
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlatListExecutor, "complete_flat", count)
        yield counted


def _ask(client: Client, query: str, variables: dict[str, Any]) -> str:
    answer = client.http.post("/graphql", json={"query": query, "variables": variables})
    # Each error that is hidden has an id of its own.
    text = re.sub("[0-9a-f]{16}", "id", answer.text)
    # The executor appends the errors of fields that it resolves side by side as they come.
    data, found, errors = text.rpartition(',"errors":[{"message":')
    if not found:
        return f"{answer.status_code} {text}"
    listed = json.loads(f'[{{"message":{errors[:-1]}')
    told = (json.dumps(error, separators=(",", ":")) for error in listed)
    return f"{answer.status_code} {data},{sorted(told)}"


def _ask_both(client: Client, query: str, **variables: Any) -> tuple[str, str]:
    """Return the answer with and without the short ways."""
    short = _ask(client, query, variables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlatListExecutor, "complete_flat", lambda *_: None)
        patch.setattr(FlatListExecutor, "_make_plans", lambda *_: None)
        return short, _ask(client, query, variables)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=make_queries())
def test_a_list_is_what_the_executor_makes_of_it(
    seeded: Client, ways: Counter[str], query: str
) -> None:
    """Data, byte for byte, and errors, for nested selections of every list."""
    short, usual = _ask_both(seeded, query, **VARIABLES)
    assert short == usual, query


@settings(max_examples=ANY_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_answer_is_what_the_executor_makes_of_it(
    seeded: Client, ways: Counter[str], data: st.DataObject
) -> None:
    """The same for whatever the schema allows, errors above all."""
    query = data.draw(make_operations())
    short, usual = _ask_both(seeded, query)
    assert short == usual, query


def test_many_of_these_lists_took_the_short_way(seeded: Client, ways: Counter[str]) -> None:
    """The laws above were not tried on the executor alone."""
    if not ways:
        pytest.skip("the laws above were not run")
    assert ways["plan"] > EXAMPLES // 4, ways


@pytest.mark.parametrize(
    "selection",
    [
        "edges { node { id name status startTime durationMs totals { spans costUsd } tags } }",
        "edges { cursor node { __typename a: name b: name ... on Node { id } } } cursor",
    ],
)
def test_the_lists_of_a_dashboard_take_the_short_way(
    seeded: Client, ways: Counter[str], selection: str
) -> None:
    """One list, one step: what is in it is not completed by itself."""
    ways.clear()
    short, usual = _ask_both(seeded, f"{{ runs {{ {selection} }} }}")
    assert short == usual
    assert ways == {"plan": 1}


@pytest.mark.parametrize(
    ("attribute", "value", "field"),
    [
        ("name", None, "name"),
        ("duration_ms", math.inf, "durationMs"),
        ("status", "GONE", "status"),
    ],
)
def test_a_value_that_the_schema_forbids_is_the_executors_to_report(
    seeded: Client, monkeypatch: pytest.MonkeyPatch, attribute: str, value: object, field: str
) -> None:
    """The same error, path and nulls around it as ever."""
    make = Run.from_record

    def spoil(record: Any) -> Run:
        run = make(record)
        setattr(run, attribute, value)
        return run

    monkeypatch.setattr(Run, "from_record", spoil)
    short, usual = _ask_both(seeded, f"{{ runs {{ edges {{ node {{ id {field} }} }} }} }}")
    assert short == usual
    assert f'"path":["runs","edges",0,"node","{field}"]' in short
