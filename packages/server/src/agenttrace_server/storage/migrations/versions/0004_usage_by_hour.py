"""Usage by model and hour, of each run and of all runs together.

What the spans of older files add up to is computed anew: a span's start says the hour.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sqlalchemy as sa
from alembic import op

from agenttrace_server.money import parse_pico

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Row

revision = "0004"
down_revision = "0003"

# On PostgreSQL texts are compared byte by byte, as SQLite does, whatever the database's locale.
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
PICO = sa.String(30).with_variant(sa.String(30, collation="C"), "postgresql")

Sums: TypeAlias = dict[str, int]

_HOUR_NS: Final = 3_600_000_000_000
_ROWS_A_STATEMENT: Final = 1_000
_SUMS: Final = (
    "calls", "errors", "prompt_tokens", "prompt_known", "completion_tokens", "completion_known",
    "cached_tokens", "cached_known", "total_tokens", "total_known", "estimated", "cost_pico",
    "cost_known",
)  # fmt: skip


def upgrade() -> None:
    """Make both tables and fill them from the spans."""
    op.drop_index("model_usage_by_model", "model_usage")
    op.drop_table("model_usage")
    op.create_table(
        "model_usage",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("hour_ns", sa.BigInteger(), nullable=False),
        *_make_sums(),
        sa.PrimaryKeyConstraint("run_id", "model", "hour_ns"),
        sqlite_with_rowid=False,
    )
    op.create_index("model_usage_by_model", "model_usage", ["model"])
    op.create_table(
        "usage_hour",
        sa.Column("hour_ns", sa.BigInteger(), nullable=False),
        sa.Column("model", TEXT, nullable=False),
        *_make_sums(),
        sa.PrimaryKeyConstraint("hour_ns", "model"),
        sqlite_with_rowid=False,
    )
    _fill()


def downgrade() -> None:
    """Refuse: 0003 has no place for hours and for calls without a model."""
    raise NotImplementedError("0004 cannot be taken back; restore a backup made before it")


def _make_sums() -> list[sa.Column[Any]]:
    tokens = {name: sa.BigInteger() for name in _SUMS if name.endswith("_tokens")}
    types: dict[str, Any] = {**tokens, "cost_pico": PICO}
    return [sa.Column(name, types.get(name, sa.Integer()), nullable=False) for name in _SUMS]


def _fill() -> None:
    connection = op.get_bind()
    spans = connection.execute(
        sa.text(
            "SELECT run_id, span_type, status, start_ns, model, prompt_tokens, completion_tokens, "
            "cached_tokens, total_tokens, usage_source, cost_usd FROM span "
            "WHERE span_type <> 'AGENT' AND (span_type = 'LLM_CALL' OR model IS NOT NULL "
            "OR usage_source IS NOT NULL OR cost_usd IS NOT NULL) ORDER BY run_id"
        ),
        # Streamed: the spans of a large store do not fit in memory.
        execution_options={"yield_per": _ROWS_A_STATEMENT},
    )
    total: dict[tuple[str, int], Sums] = {}
    rows: list[dict[str, Any]] = []
    for run_id, of_run in groupby(spans, key=lambda span: span.run_id):
        for (model, hour_ns), sums in _add_up(of_run).items():
            rows.append({"run_id": run_id, "model": model, "hour_ns": hour_ns, **_dump(sums)})
            _add(total, (model, hour_ns), sums)
    _insert("model_usage", ("run_id", "model", "hour_ns"), rows)
    all_runs = [
        {"hour_ns": hour_ns, "model": model, **_dump(sums)}
        for (model, hour_ns), sums in total.items()
    ]
    _insert("usage_hour", ("hour_ns", "model"), all_runs)


def _add_up(spans: Iterator[Row[Any]]) -> dict[tuple[str, int], Sums]:
    sums: dict[tuple[str, int], Sums] = {}
    for span in spans:
        figures = _count_figures(span)
        if not (figures or span.model or span.span_type == "LLM_CALL"):
            continue
        figures.update(calls=1, errors=int(span.status == "ERROR"))
        _add(sums, (span.model or "", span.start_ns // _HOUR_NS * _HOUR_NS), figures)
    return sums


def _add(into: dict[tuple[str, int], Sums], key: tuple[str, int], part: Sums) -> None:
    sums = into.setdefault(key, dict.fromkeys(_SUMS, 0))
    for name, amount in part.items():
        sums[name] += amount


def _count_figures(span: Row[Any]) -> Sums:
    figures: Sums = {}
    prompt, completion, total = span.prompt_tokens, span.completion_tokens, span.total_tokens
    if total is None and (prompt is not None or completion is not None):
        total = (prompt or 0) + (completion or 0)
    known = {
        "prompt": prompt, "completion": completion, "cached": span.cached_tokens, "total": total
    }  # fmt: skip
    for name, tokens in known.items():
        if tokens is not None:
            figures[f"{name}_tokens"], figures[f"{name}_known"] = tokens, 1
    if span.usage_source == "estimated":
        figures["estimated"] = 1
    if span.cost_usd is not None:
        figures["cost_pico"], figures["cost_known"] = parse_pico(span.cost_usd), 1
    return figures


def _dump(sums: Sums) -> dict[str, Any]:
    return {**sums, "cost_pico": f"{sums['cost_pico']:030d}" if sums["cost_known"] else ""}


def _insert(table: str, keys: Iterable[str], rows: list[dict[str, Any]]) -> None:
    names = [*keys, *_SUMS]
    statement = sa.table(table, *[sa.column(name) for name in names]).insert()
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        op.get_bind().execute(statement, rows[start : start + _ROWS_A_STATEMENT])
