"""Whatever the schema allows is answered: with data, or with an error that is the client's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..support.client import Client
from ..support.queries import make_operations, seed
from ..support.thread import ServerThread

EXAMPLES = 20
ACCEPT = {"accept": "application/graphql-response+json"}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server with some runs."""
    url = f"sqlite:///{tmp_path_factory.mktemp('seeded') / 'agenttrace.db'}"
    with ServerThread(url) as running, Client(running.url) as client:
        seed(client)
        yield client


def check_answer(client: Client, document: str) -> int:
    """Return the status of the answer; fail if it is the server's fault."""
    answer = client.http.post("/graphql", json={"query": document}, headers=ACCEPT)
    assert answer.status_code in (200, 294, 400, 422), (document, answer.text)
    assert "Internal error" not in answer.text, (document, answer.text)
    return answer.status_code


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_query_is_answered(seeded: Client, data: st.DataObject) -> None:
    """Never a status of the server's, never an internal error."""
    check_answer(seeded, data.draw(make_operations()))
