"""`agenttrace sqlite-runs`: the runs of a file, with what they cost."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path  # noqa: TC003 -- typer reads the annotations
from typing import Annotated

import typer

from agenttrace_shop.exporter import read_records


def list_runs(
    file: Annotated[Path, typer.Argument(help="The SQLite file.", dir_okay=False, exists=True)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the runs of a SQLite file: id, status, spans, cost and name.

    A cost that is not known is shown as "?", not as 0.
    """
    spans: dict[str, int] = defaultdict(int)
    costs: dict[str, Decimal] = {}
    for span in read_records(file, "span"):
        run_id = span["run_id"]
        spans[run_id] += 1
        if "cost" in span:
            costs[run_id] = costs.get(run_id, Decimal(0)) + Decimal(span["cost"]["usd"])
    rows = [
        {
            "run_id": run["run_id"],
            "name": run["name"],
            "status": run["status"],
            "spans": spans[run["run_id"]],
            "cost_usd": None if run["run_id"] not in costs else str(costs[run["run_id"]]),
        }
        for run in read_records(file, "run")
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        cost = row["cost_usd"] or "?"
        typer.echo(
            f"{row['run_id']}  {row['status']:<11}  {row['spans']:>5}  {cost:>10}  {row['name']}"
        )
