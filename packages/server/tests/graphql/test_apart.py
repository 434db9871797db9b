"""What takes long is done apart from the event loop, on which everybody else waits."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agenttrace.steps.timeline import StepTimeline
from agenttrace_server.graphql.types import diff_rows

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import make_run, make_run_id, make_span

pytestmark = ON_SQLITE
RUN = make_run_id(0)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The threads in which steps and rows are looked at."""
    noted: set[str] = set()
    moment, holds = StepTimeline.moment, diff_rows.DiffRowFilter.holds

    def note_moment(self: StepTimeline, index: int) -> Any:
        noted.add(threading.current_thread().name)
        return moment(self, index)

    def note_row(self: diff_rows.DiffRowFilter, row: Any) -> bool:
        noted.add(threading.current_thread().name)
        return holds(self, row)

    monkeypatch.setattr(StepTimeline, "moment", note_moment)
    monkeypatch.setattr(diff_rows.DiffRowFilter, "holds", note_row)
    return noted


@pytest.mark.parametrize(
    "query",
    [
        f'{{replay(runId:"{RUN}"){{steps(filter:{{lane:[9]}}){{edges{{cursor}}}}}}}}',
        f'{{diff(base:"{RUN}",head:"{RUN}"){{rows(filter:{{changed:true}}){{totalCount}}}}}}',
    ],
)
def test_a_filter_is_gone_through_apart(client: Client, seen: set[str], query: str) -> None:
    """A run may have 500,000 steps, and a comparison 40,000 rows."""
    client.send([make_run(), make_span(0)])
    client.ask(query)
    assert seen
    assert all(name.startswith(("asyncio_", "uvloop_")) for name in seen), seen
