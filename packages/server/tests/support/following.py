"""What tests of subscriptions ask for, and how they wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from .client import Follower

EVENTS = """subscription($id: ID!, $after: String) { runEvents(runId: $id, after: $after) {
    cursor hasMorePast events { __typename
        ... on SpanStarted { span { seq status depth } }
        ... on SpanUpdated { span { seq } chunk { seq body { value } } }
        ... on SpanEnded { span { seq status output { value } } }
        ... on RunUpdated { run { name status } event { name } }
        ... on RunEnded { run { status totals { spans } } }
        ... on Gap { from to } } } }"""
CHANGES = """subscription($filter: RunFilter, $after: String) {
    runChanges(filter: $filter, after: $after) { cursor hasMorePast gap { from to }
        changes { kind matches run { id status totals { spans } } } } }"""
DEADLINE_S = 60


def collect(follower: Follower) -> list[dict[str, Any]]:
    """Return all events until the stream ends."""
    events: list[dict[str, Any]] = []
    while (batch := follower.next()) is not None:
        events += batch["events"]
    return events


def wait_until(condition: Callable[[], bool]) -> bool:
    """Return whether it holds before the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True
