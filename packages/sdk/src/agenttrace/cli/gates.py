"""`gates.yaml`: read, checked, and every mistake named with its line."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from agenttrace.cli.yaml_files import YamlFileError, locate, read_yaml
from agenttrace.diff.gates import Gates, GateTest, MetricGate, OutcomeGate, OutputGate
from agenttrace.diff.groups.figures import METRICS
from agenttrace.diff.groups.keys import TYPE_WORDS
from agenttrace.diff.model import Outcome
from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

METRIC_NAMES: Final = {
    "cost": "cost_usd",
    "tokens": "total_tokens",
    "duration": "duration_ms",
    "wall": "wall_ms",
    "ttft": "first_chunk_ms",
    **{metric.name: metric.name for metric in METRICS},
}
"""Every name that a figure has in `gates.yaml`; the first few are short for others."""

_PERCENT: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*\Z")
_SIMILAR: Final = re.compile(r"\s*similar\s*>=\s*([0-9]+(?:\.[0-9]+)?)\s*\Z")


class GatesFileError(AgentTraceError):
    """A `gates.yaml` that cannot be meant; the message names file, line and key."""

    exit_code: ClassVar[int] = 2


def _read_share(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a percentage such as 10%, or a share such as 0.1")  # noqa: TRY004 -- pydantic's
    found = _PERCENT.match(value) if isinstance(value, str) else None
    if found is not None:
        return float(found[1]) / 100
    if isinstance(value, str):
        raise ValueError("expected a percentage such as 10%, or a share such as 0.1")  # noqa: TRY004 -- pydantic's
    return value


def _read_increase(value: object) -> object:
    """Return a share; a plain number above 1 is a percentage whose sign was left out."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 < value < inf:
        raise ValueError(
            f"as a share it allows +{value * 100:,g} %; write {value:g}%, or {value / 100:g}"
        )
    return _read_share(value)


def _read_output(value: object) -> object:
    if value == "equal":
        return 1.0
    found = _SIMILAR.match(value) if isinstance(value, str) else None
    if found is None or not 0 < float(found[1]) <= 1:
        raise ValueError("expected equal, or similar>=0.9 with a share up to 1")
    return float(found[1])


def _check_pattern(value: str) -> str:
    if not value.strip():
        raise ValueError("expected a call such as tool:delete_*")
    word, colon, name = value.partition(":")
    if not colon:
        return value
    if word not in TYPE_WORDS.values() and word != "*":
        kinds = ", ".join(f"{each}:" for each in TYPE_WORDS.values())
        raise ValueError(
            f"there is no kind {word}:; there are {kinds}; for a name with a colon, whatever its "
            f"kind, write *:{value}"
        )
    if not name or name != name.strip():
        found = "a blank at the beginning or end of" if name else "no"
        raise ValueError(f"there is {found} name after {word}:; no call is meant so")
    return value


def _check_metric(value: str) -> str:
    if value not in METRIC_NAMES:
        raise ValueError("unknown figure")
    return value


Share = Annotated[float, BeforeValidator(_read_share), Field(ge=0, allow_inf_nan=False)]
Increase = Annotated[float, BeforeValidator(_read_increase), Field(ge=0, allow_inf_nan=False)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
StructureName = Literal["added", "removed", "changed", "moved", "renamed", "wrapped", "unwrapped"]
MetricName = Annotated[str, AfterValidator(_check_metric)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Metric(_Part):
    max_increase: Increase
    test: Literal["auto", "mwu", "paired", "none"] = "auto"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    min_coverage: Annotated[Share, Field(le=1)] = 0.9


class _Document(_Part):
    structure: dict[StructureName, Annotated[int, Field(ge=0)]] = {}
    outcome: Literal["same", "success"] | None = None
    final_output: Annotated[float, BeforeValidator(_read_output)] | None = None
    metrics: dict[MetricName, _Metric] = {}
    forbid: list[Pattern] = []
    require: list[Pattern] = []


def load_gates(path: str) -> Gates:
    """Return the gates of a file.

    Raises:
        GatesFileError: when it cannot be read, or something in it cannot be meant.

    """
    try:
        document, lines = read_yaml(path)
    except YamlFileError as error:
        raise GatesFileError(str(error)) from error
    name = Path(path).name
    if document is None:
        raise GatesFileError(f"{name} holds no gate; expected {', '.join(_Document.model_fields)}")
    try:
        found = _Document.model_validate(document)
    except ValidationError as error:
        first, *rest = error.errors(include_url=False)
        more = f" (and {len(rest)} more)" if rest else ""
        raise GatesFileError(f"{name}:{_explain(first, lines)}{more}") from None
    return _make_gates(found)


def _make_gates(found: _Document) -> Gates:
    metrics = tuple(
        MetricGate(
            METRIC_NAMES[name],
            max_increase=each.max_increase,
            test=GateTest(each.test),
            alpha=each.alpha,
            min_coverage=each.min_coverage,
        )
        for name, each in found.metrics.items()
    )
    return Gates(
        structure={Outcome(name).value: most for name, most in found.structure.items()},
        outcome=None if found.outcome is None else OutcomeGate(found.outcome),
        final_output=None if found.final_output is None else OutputGate(found.final_output),
        metrics=metrics,
        forbid=tuple(found.forbid),
        require=tuple(found.require),
    )


def _explain(error: ErrorDetails, lines: dict[tuple[Any, ...], int]) -> str:
    place = tuple(part for part in error["loc"] if part != "[key]")
    line = locate(place, lines)
    key = ".".join(map(str, place)) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{line}: unknown key {key}; there are: {', '.join(_list_keys(place))}"
    if "[key]" in error["loc"]:
        return f"{line}: unknown key {key}; there are: {', '.join(_list_names(place))}"
    message = error["msg"].removeprefix("Value error, ")
    given = "" if isinstance(error["input"], dict) else f" is {error['input']!r}"
    return f"{line}: {key}{given}: {message[:1].lower()}{message[1:]}"


def _list_keys(place: tuple[Any, ...]) -> list[str]:
    return list((_Metric if place[0] == "metrics" else _Document).model_fields)


def _list_names(place: tuple[Any, ...]) -> list[str]:
    if place[0] == "metrics":
        return list(METRIC_NAMES)
    return [outcome.value for outcome in Outcome if outcome is not Outcome.UNCHANGED]
