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
COUNT = "a Count is a whole number, such as 1000"
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
        ('totalTokens: {min: "9"}', {"totalTokens": {"min": "9"}}, COUNT),
        ("totalTokens: {min: true}", {"totalTokens": {"min": True}}, COUNT),
        ("totalTokens: {min: 1.9}", {"totalTokens": {"min": 1.9}}, COUNT),
        ("totalTokens: {min: {a: 1}}", {"totalTokens": {"min": {"a": 1}}}, COUNT),
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


@pytest.mark.parametrize(
    ("run_filter", "message"),
    [
        ({"text": "x" * 513}, "text has 513 characters; at most 512 are looked for"),
        ({"name": ["x" * 10_000]}, "name has 10000 characters; at most 512 are looked for"),
        ({"tags": ["a\0"]}, "tags has U+0000 or half of a surrogate pair: no text has"),
        ({"tags": ["t"] * 101}, "tags has 101 values; at most 100"),
        ({"spans": [{}] * 9}, "spans has 9 conditions; at most 8 in one filter"),
        (
            {"spans": [{"below": {"below": {"below": {}}}}]},
            "spans: at most 3 conditions within each other by below",
        ),
        (
            {"attributes": [{"key": "k", "value": ["v"], "exists": False}]},
            "attributes: give value, or exists: false, not both: what is absent has no value",
        ),
    ],
    ids=["text", "name", "nul", "values", "conditions", "nested", "contradiction"],
)
def test_a_filter_over_its_limits_is_refused(
    shared_client: Client, run_filter: dict[str, object], message: str
) -> None:
    """What is too much to look for is said, with the limit."""
    assert _list_messages(shared_client.ask_raw(RUNS, f=run_filter)) == [message]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("%", 1),
        ("_", 0),
        ("%" * 512, 0),
        ("AGENT", 1),
        ("İ", 0),
        ("\u0131", 0),
        ('" NEAR(', 0),
        ("a*", 0),
        ("/", 0),
        ("\\", 0),
        ("' OR 1=1--", 0),
    ],
)
def test_c41_hostile_texts_are_only_texts(client: Client, text: str, count: int) -> None:
    """What means something to SQL, LIKE or a search means nothing in a filter."""
    client.send([make_run(name="Agent 100%")])
    assert client.ask(RUNS, f={"text": text}) == {"runs": {"totalCount": count}}


@pytest.mark.parametrize("order", ["START_TIME", "DURATION", "TOKENS", "SPANS", "ERRORS", "NAME"])
def test_a_cursor_beyond_the_store_is_refused(shared_client: Client, order: str) -> None:
    """A number that no list can have given makes it no cursor."""
    key = json.dumps([order.lower(), "9" * 100, "a" * 32])
    cursor = base64.urlsafe_b64encode(key.encode()).decode()
    query = f'{{ runs(orderBy: {{field: {order}}}, after: "{cursor}") {{ totalCount }} }}'
    assert _list_messages(shared_client.ask_raw(query)) == [
        "after is not a cursor of a list of runs in this order"
    ]
