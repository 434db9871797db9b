"""Asks a seeded server any number of generated queries, and counts the statuses of its answers.

    PYTHONPATH=packages/server .venv/bin/python packages/server/benchmarks/queries.py 1000

Ends with an assertion and the query as soon as an answer is the server's fault.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.graphql.test_any_query import check_answer
from tests.support.client import Client
from tests.support.queries import make_operations, seed
from tests.support.thread import ServerThread


def main() -> None:
    """Ask as many queries as the first argument says."""
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'agenttrace.db'}"
        with ServerThread(url) as server, Client(server.url) as client:
            seed(client)

            @settings(
                max_examples=int(sys.argv[1]),
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(data=st.data())
            def ask(data: st.DataObject) -> None:
                statuses[check_answer(client, data.draw(make_operations()))] += 1

            ask()
    for status, count in sorted(statuses.items()):
        print(f"{status}  {count}")


if __name__ == "__main__":
    main()
