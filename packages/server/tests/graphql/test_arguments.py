"""Arguments that no run has: an error that says so, or an empty answer; never an internal one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ..support.client import Client
from ..support.lines import make_run

DATE = "a DateTime is ISO 8601 text, such as '2026-01-31T12:00:00Z'"
OFFSET = "a DateTime needs an offset from UTC, such as 'Z'"
MONEY = "a Decimal is a number as text, such as '0.0123'"
RUNS = "query($f: RunFilter) { runs(filter: $f) { totalCount } }"


def _list_messages(answer: dict[str, Any]) -> list[str]:
    return [error["message"] for error in answer["errors"]]


@pytest.mark.parametrize(
    ("literal", "value", "message"),
    [
        ('startedAfter: "soon"', {"startedAfter": "soon"}, DATE),
        ("startedAfter: 5", {"startedAfter": 5}, DATE),
        (
            'startedBefore: "2026-01-31T12:00:00"',
            {"startedBefore": "2026-01-31T12:00:00"},
            OFFSET,
        ),
        ('costUsd: {min: "much"}', {"costUsd": {"min": "much"}}, MONEY),
        ("costUsd: {max: true}", {"costUsd": {"max": True}}, MONEY),
    ],
)
def test_a_malformed_scalar_is_explained(
    shared_client: Client,
    literal: str,
    value: dict[str, object],
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Written out or as a variable, the client reads what is expected; the log stays empty."""
    written = shared_client.ask_raw(f"{{ runs(filter: {{{literal}}}) {{ totalCount }} }}")
    variable = shared_client.ask_raw(RUNS, f=value)
    for answer in (written, variable):
        (found,) = _list_messages(answer)
        assert message in found
    assert not caplog.records


@pytest.mark.parametrize(
    ("run_filter", "count"),
    [
        ({"durationMs": {"min": 1e308}}, 0),
        ({"durationMs": {"max": 1e308}}, 1),
        ({"durationMs": {"min": -1e308}}, 1),
        ({"durationMs": {"max": -1e308}}, 0),
        ({"durationMs": {"min": 5.0, "max": 5.0}}, 1),
        ({"costUsd": {"min": "1e99"}}, 0),
        ({"costUsd": {"max": "-1e99"}}, 0),
        ({"startedAfter": "9999-12-31T23:59:59Z"}, 0),
        ({"startedBefore": "9999-12-31T23:59:59Z"}, 1),
        ({"startedBefore": "0001-01-01T00:00:00Z"}, 0),
    ],
    ids=str,
)
def test_a_limit_beyond_everything_is_a_limit(
    client: Client, run_filter: dict[str, object], count: int
) -> None:
    """However large or small a number is, it compares as it should."""
    client.send([make_run(status="COMPLETED", rev=1)])
    assert client.ask(RUNS, f=run_filter) == {"runs": {"totalCount": count}}


@pytest.mark.parametrize("order", ["START_TIME", "DURATION", "TOKENS"])
def test_a_cursor_beyond_the_store_is_refused(shared_client: Client, order: str) -> None:
    """A number that no list can have given makes it no cursor."""
    key = json.dumps([order.lower(), "9" * 100, "a"])
    cursor = base64.urlsafe_b64encode(key.encode()).decode()
    query = f'{{ runs(orderBy: {{field: {order}}}, after: "{cursor}") {{ totalCount }} }}'
    assert _list_messages(shared_client.ask_raw(query)) == [
        "after is not a cursor of a list of runs in this order"
    ]
