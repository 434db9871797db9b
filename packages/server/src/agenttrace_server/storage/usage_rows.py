"""The rows of usage that a batch changes: what is stored, and what the batch adds to it.

Sums are added in Python, in the one writer: a cost is text in the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace_server.storage.keys import prepare_by_keys, read_named
from agenttrace_server.storage.rollups import MODEL_SUMS, UNBILLED_NS, ModelHour, apply_sums
from agenttrace_server.storage.usage_tables import MODEL_USAGE, USAGE_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from agenttrace_server.storage.rollups import Difference, Sums


def list_model_rows(
    connection: Connection, differences: Mapping[str, Difference]
) -> list[dict[str, Any]]:
    """Return the rows of `model_usage` that these differences of runs, by id, lead to."""
    deltas = {
        (run_id, *key): sums
        for run_id, difference in differences.items()
        for key, sums in difference.models.items()
        if any(sums.values())
    }
    if not deltas:
        return []
    pairs = {(run_id, model) for run_id, model, _ in deltas}
    statement = prepare_by_keys(MODEL_USAGE, "run_id", "model")
    rows = read_named(connection, statement, MODEL_USAGE, sorted(pairs))
    stored = {(row["run_id"], row["model"], row["hour_ns"]): row for row in rows}
    return [
        {
            "run_id": run_id,
            "model": model,
            "hour_ns": hour_ns,
            **apply_sums(stored.get((run_id, model, hour_ns)), delta, MODEL_SUMS),
        }
        for (run_id, model, hour_ns), delta in deltas.items()
    ]


def list_hour_rows(
    connection: Connection, project_id: str, differences: Iterable[Difference]
) -> list[dict[str, Any]]:
    """Return the rows of `usage_hour` that these differences of a project's runs lead to."""
    deltas = _add_up(differences)
    if not deltas:
        return []
    pairs = [(hour_ns, model) for model, hour_ns in deltas]
    statement = prepare_by_keys(USAGE_HOUR, "hour_ns", "model")
    rows = read_named(connection, statement, USAGE_HOUR, pairs)
    stored = {
        (row["model"], row["hour_ns"]): row for row in rows if row["project_id"] == project_id
    }
    return [
        {
            "project_id": project_id,
            "hour_ns": key[1],
            "model": key[0],
            **apply_sums(stored.get(key), delta, MODEL_SUMS),
        }
        for key, delta in deltas.items()
    ]


def _add_up(differences: Iterable[Difference]) -> dict[ModelHour, Sums]:
    total: dict[ModelHour, Sums] = {}
    for difference in differences:
        for key, sums in difference.models.items():
            if key[1] == UNBILLED_NS:
                continue
            of_key = total.setdefault(key, dict.fromkeys(MODEL_SUMS, 0))
            for name, amount in sums.items():
                of_key[name] += amount
    return {key: sums for key, sums in total.items() if any(sums.values())}
