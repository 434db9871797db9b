"""A baseline as a file: JSON that is committed beside the tests, with a line a fact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from agenttrace.diff.baselines.model import Baseline, CallRange, MetricRange
from agenttrace.diff.statistics import Rate
from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK: Final = "agenttrace_baseline"
"""The member that a baseline's file is known by; its value is the version of the form."""

VERSION: Final = 1


class BaselineError(AgentTraceError):
    """A file that is no baseline, or one of a version that this package does not read."""

    exit_code: ClassVar[int] = 2


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    agenttrace_baseline: int
    runs: int
    names: tuple[str, ...]
    success: dict[str, int]
    calls: dict[str, CallRange]
    metrics: dict[str, MetricRange]
    outputs: tuple[str, ...]


def write_baseline(baseline: Baseline) -> str:
    """Return a baseline as JSON text; the same bytes each time."""
    document = {
        MARK: VERSION,
        "runs": baseline.runs,
        "names": list(baseline.names),
        "success": {"hits": baseline.success.hits, "total": baseline.success.total},
        "calls": _list_parts(baseline.calls),
        "metrics": _list_parts(baseline.metrics),
        "outputs": list(baseline.outputs),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def is_baseline(text: str) -> bool:
    """Tell whether a file's beginning is that of a baseline."""
    return text.lstrip("\ufeff \t\r\n{").startswith(f'"{MARK}"')


def read_baseline(text: str, *, name: str) -> Baseline:
    """Return the baseline that a file holds; `name` is how messages call the file.

    Raises:
        BaselineError: when it holds none that can be read.

    """
    try:
        version = json.loads(text).get(MARK)
        if version != VERSION:
            raise BaselineError(
                f"{name} is a baseline of version {version!r}, and this package reads {VERSION}: "
                "build it again"
            )
        found = msgspec.json.decode(text, type=_Document)
    except (ValueError, AttributeError, RecursionError) as error:
        raise BaselineError(f"{name} is no baseline: {error}") from error
    success = Rate(found.success.get("hits", 0), found.success.get("total", 0))
    return Baseline(found.runs, found.names, success, found.calls, found.metrics, found.outputs)


def _list_parts(parts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        key: {name: _write_number(getattr(part, name)) for name in part.__dataclass_fields__}
        for key, part in parts.items()
    }


def _write_number(value: float | None) -> float | None:
    """Return a whole number without a point, as it is read by eye."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
