"""Where the trace goes: the exporters, one of which is the example's own and adds up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import httpx

from agenttrace import ConfigurationError
from agenttrace.exporters import APIExporter, JSONLExporter
from agenttrace.plugins import Exporter, ExportResult
from research.terminal import UsageError, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace import Tracer
    from agenttrace.plugins import Record
    from research.terminal import Options

PROBE_TIMEOUT_S: Final = 1.0


@dataclass(slots=True)
class RunTotals:
    """What one run came to. Tokens and cost are None as long as no step told any."""

    name: str
    run_id: str
    spans: int = 0
    errors: int = 0
    model_calls: int = 0
    tokens: int | None = None
    estimated: bool = False
    cost_usd: Decimal | None = None

    def add(self, span: Mapping[str, Any]) -> None:
        """Count a step that has ended."""
        self.spans += 1
        self.errors += span["status"] == "ERROR"
        self.model_calls += span["span_type"] == "LLM_CALL"
        if usage := span.get("usage"):
            tokens = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
            self.tokens = (self.tokens or 0) + tokens
            self.estimated |= usage["source"] == "estimated"
        if cost := span.get("cost"):
            self.cost_usd = (self.cost_usd or Decimal(0)) + Decimal(cost["usd"])

    def describe(self) -> str:
        """Say it in one line."""
        parts = [_count(self.spans, "span"), _count(self.errors, "error")]
        if self.model_calls:
            tokens = "tokens unknown" if self.tokens is None else f"{self.tokens:,} tokens"
            parts += [
                _count(self.model_calls, "model call"),
                tokens + (" (estimated)" if self.estimated else ""),
                "cost unknown"
                if self.cost_usd is None
                else f"${self.cost_usd.normalize():f} (at the rates given)",
            ]
        return ", ".join(parts)


class TotalsExporter(Exporter):
    """An exporter is a class with one method; this one keeps count of each run."""

    def __init__(self) -> None:
        self._runs: dict[str, RunTotals] = {}
        self._ended: set[tuple[str, str]] = set()

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Add up the steps that have ended; a record that comes twice counts once."""
        for record in records:
            if record["type"] == "run":
                run_id = record["run_id"]
                self._runs.setdefault(run_id, RunTotals(record["name"], run_id))
            elif record["type"] == "span" and record["status"] != "STARTED":
                step = (record["run_id"], record["span_id"])
                if step not in self._ended:
                    self._ended.add(step)
                    self._runs[record["run_id"]].add(record)
        return ExportResult.DELIVERED

    def list_runs(self) -> list[RunTotals]:
        """Return the runs in the order of their starts; whole after `tracer.shutdown()`."""
        return list(self._runs.values())


class Recording:
    """The file, the server if there is one, and the totals."""

    def __init__(self, tracer: Tracer, options: Options) -> None:
        """Set the tracer's exporters; UsageError when the file cannot be written."""
        self._tracer = tracer
        self._options = options
        self._base_url = options.endpoint.removesuffix("/api")
        self._totals = TotalsExporter()
        _check_writable(options)
        tracer.set_exporter(JSONLExporter(path=options.file))
        tracer.add_exporter(self._totals)
        # Made before it is asked for: to whom there is an exporter, a replay lets a program talk.
        exporter = _make_exporter(options.endpoint)
        self.has_server = _is_agenttrace(self._base_url)
        if self.has_server and self._tracer.stats().exporters:  # none when it is switched off
            tracer.add_exporter(exporter)

    def announce(self, run_id: str) -> None:
        """Tell a watching person where the run that has begun can be seen live."""
        if self.has_server and self._tracer.stats().exporters:  # none when it is switched off
            say(f"watch it live at {self._link(run_id)}")

    def print_summary(self) -> None:
        """Print what was recorded and where to look at it; after `tracer.shutdown()`."""
        runs = self._totals.list_runs()
        if not runs:
            print("Nothing was recorded: AGENTTRACE_DISABLED is set.")
            return
        print(f"Recorded in {self._options.file}, correlation id {self._options.correlation_id}")
        width = max(len(run.name) for run in runs)
        for run in runs:
            print(f"  {run.name:<{width}}  {run.describe()}")
        if not self.has_server:
            print(f"No AgentTrace server at {self._base_url}; `agenttrace serve` starts one.")
        elif unsent := self._count_lost(APIExporter):
            kept = self._describe_file(self._count_lost(JSONLExporter))
            print(f"{_count(unsent, 'record')} did not reach {self._base_url}; {kept}.")
        elif waiting := self._count_waiting():
            print(
                f"{_count(waiting, 'record')} wait on disk for {self._base_url}, and go there with "
                "the next program that records to it."
            )
        else:
            print(f"See it at {self._link(runs[0].run_id)}")

    def _link(self, run_id: str) -> str:
        return f"{self._base_url}/runs/{run_id}"

    def _count_lost(self, kind: type[Exporter]) -> int:
        accounts = self._tracer.stats().exporters
        return sum(sum(one.dropped.values()) for one in accounts if one.name == kind.__name__)

    def _count_waiting(self) -> int:
        return sum(one.spooled for one in self._tracer.stats().exporters)

    def _describe_file(self, lost: int) -> str:
        if lost:
            return f"the file {self._options.file} lacks {_count(lost, 'record')} as well"
        return f"the file {self._options.file} holds them all"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _check_writable(options: Options) -> None:
    try:
        options.file.parent.mkdir(parents=True, exist_ok=True)
        with options.file.open("ab"):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"--out {options.file}: {reason}; name a file to write.") from error


def _make_exporter(endpoint: str) -> APIExporter:
    try:
        return APIExporter(endpoint=endpoint)
    except ConfigurationError as error:
        message = f"--endpoint {endpoint}: it takes the http address of a server's /api."
        raise UsageError(message) from error


def _is_agenttrace(base_url: str) -> bool:
    """Ask what only an AgentTrace server knows: others get none of what is recorded."""
    question = {"query": "{ server { wireVersion } }"}
    try:
        answer = httpx.post(f"{base_url}/graphql", json=question, timeout=PROBE_TIMEOUT_S)
        return "wireVersion" in answer.json()["data"]["server"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False  # nothing there, or something else
