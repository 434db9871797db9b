"""Tokens and money of a model call: what the provider reported, else an estimate that says so.

`answers` reads what model clients return, `figures` checks and estimates, `rates` multiplies, and
`prices` asks tables of list prices. Only the first three are on the recording hot path.
"""

from __future__ import annotations

from agenttrace.usage.answers import Report, read_report
from agenttrace.usage.figures import (
    ESTIMATE_METHOD,
    FIELDS,
    clean_usage,
    count_text_bytes,
    divide_bytes,
    estimate_tokens,
)
from agenttrace.usage.rates import Rates, compute_cost, read_rates, write_money

__all__ = [
    "ESTIMATE_METHOD",
    "FIELDS",
    "Rates",
    "Report",
    "clean_usage",
    "compute_cost",
    "count_text_bytes",
    "divide_bytes",
    "estimate_tokens",
    "read_rates",
    "read_report",
    "write_money",
]
