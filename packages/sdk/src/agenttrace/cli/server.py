"""A server as a source of runs: lists through GraphQL, whole runs through its export."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from agenttrace.cli.download import Download, DownloadError
from agenttrace.exporters.exchange import is_loopback
from agenttrace.exporters.http import check_endpoint
from agenttrace.local_token import read_local_token
from agenttrace.settings import read_settings
from agenttrace.trace.reading import LineError, Problem, decode_line
from agenttrace.trace.records import RecordedAnnotation
from agenttrace.trace.run import RunCollector
from agenttrace.trace.sources import MIN_PREFIX, RecordingError, RunHead, RunNotFoundError
from agenttrace.trace.summary import RunSummary
from agenttrace.trace.totals import Totals
from agenttrace.trace.visible import show_count
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from agenttrace.cli.filters import Wanted
    from agenttrace.trace.reading import Line
    from agenttrace.trace.run import RecordedRun

PAGE: Final = 200
SUMMARY_PAGE: Final = 50
CONNECT_TIMEOUT_S: Final = 5.0
SILENCE_TIMEOUT_S: Final = 60.0
"""How long a server may say nothing: its database may have to wait for a writer."""

MAX_BEGINNINGS: Final = 6
"""Runs whose id begins so that are looked for: one more than a message shows."""
_NEWEST: Final = 5
_NS_PER_MS: Final = 1_000_000
_NS_PER_US: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_NOT_FOUND: Final = 404
_RUNS: Final = """query($filter: RunFilter, $first: Int, $after: String) {
  runs(filter: $filter, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node { %s } } } }"""
_HEAD: Final = "id name startTime"
_SUMMARY: Final = """id name status correlationId tags startTime endTime durationMs
  dropped { reason count } totals { spans llmCalls toolCalls errors promptTokens completionTokens
  cachedTokens totalTokens tokensEstimated costUsd billedUsd } userTags
  annotations { id name source score label comment author createdAt updatedAt }"""
_HINTS: Final = {
    401: "the API key is missing or wrong; set AGENTTRACE_API_KEY",
    403: "the API key may not read",
}


class ServerSource:
    """The runs of one server, by its API's address or its own. Use it as `with`.

    Nothing is kept: each method asks anew. AGENTTRACE_API_KEY goes along where it is set, else
    the local token of a server on this machine that has one. Every
    method raises `RecordingError` when the server cannot be reached or does not answer as one.
    """

    def __init__(self, url: str) -> None:
        check_endpoint(url)
        self.name = url
        self.problems: list[Problem] = []
        self._base = url.rstrip("/").removesuffix("/api")
        self._is_near = is_loopback(url)
        api_key = read_settings().api_key or (read_local_token(url) if self._is_near else None)
        self._client = httpx.Client(
            timeout=httpx.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # What is meant for this machine must not leave it through a proxy.
            trust_env=not self._is_near,
            headers={"authorization": f"Bearer {api_key}"} if api_key else {},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # What a source answers

    def list_heads(self, beginning: str = "") -> list[RunHead]:
        """Return the newest few, and the first few whose id begins so, newest first."""
        if _WHOLE_ID.match(beginning):
            return [RunHead(beginning, "", 0)]  # who asks for it hears whether it is there
        newest = self._read_page(_HEAD, {}, first=_NEWEST, after=None)["edges"]
        heads = {head.run_id: head for head in (_make_head(edge["node"]) for edge in newest)}
        if len(beginning) >= MIN_PREFIX:
            nodes = self._iterate_nodes(_HEAD, {"text": beginning}, first=PAGE)
            meant = (node for node in nodes if str(node["id"]).startswith(beginning))
            for node in islice(meant, MAX_BEGINNINGS):
                heads.setdefault(str(node["id"]), _make_head(node))
        return sorted(heads.values(), key=lambda head: (head.start_ns, head.run_id), reverse=True)

    def iterate_heads(self, wanted: Wanted) -> Iterator[RunHead]:
        """Yield the runs that are wanted, newest first, page by page."""
        for node in self._iterate_nodes(_HEAD, wanted.shape(), first=PAGE):
            if wanted.takes_name(node["name"]):
                yield _make_head(node)

    def iterate_summaries(self, wanted: Wanted) -> Iterator[RunSummary]:
        """Yield the runs that are wanted with their totals, newest first, page by page."""
        for node in self._iterate_nodes(_SUMMARY, wanted.shape(), first=SUMMARY_PAGE):
            if wanted.takes_name(node["name"]):
                yield _make_summary(node)

    def load_run(self, run_id: str) -> RecordedRun:
        """Return one run, whole."""
        collector = RunCollector()
        for line in self._iterate_lines(run_id):
            try:
                record = decode_line(line)
            except LineError as error:
                self.problems.append(Problem(line.number, str(error)))
                continue
            collector.add(record)
        runs = collector.make_runs()
        if not runs:
            raise RecordingError(f"{self.name}: no line of run {run_id} can be read")
        return runs[0]

    def read_lines(self, run_id: str) -> Iterator[bytes]:
        """Yield the lines of one run, byte for byte, without newlines, as they come.

        Raises:
            RunNotFoundError: before the first line, when there is no such run.
            RecordingError: also in the middle, when the rest does not come.

        """
        for line in self._iterate_lines(run_id):
            yield line.text

    def _iterate_lines(self, run_id: str) -> Iterator[Line]:
        count = 0
        with self._reach(), self._open_export(run_id) as download:
            try:
                for line in download.iterate_lines():
                    yield line
                    count += 1
            except (DownloadError, httpx.HTTPError) as error:
                raise RecordingError(
                    f"{self.name}: the export of run {run_id} was cut off after "
                    f"{show_count(count, 'record')}: {_describe(error)}. What came is not whole: "
                    "the run was deleted meanwhile, or the server or the network failed; ask again"
                ) from error

    @contextmanager
    def _open_export(self, run_id: str) -> Iterator[Download]:
        url = f"{self._base}/api/export/runs/{run_id}"
        encodings = "identity" if self._is_near else Download.list_encodings()
        with self._client.stream("GET", url, headers={"accept-encoding": encodings}) as response:
            kind = response.headers.get("content-type", "")
            if response.status_code == _NOT_FOUND and "json" in kind:
                raise RunNotFoundError(f"no run {run_id!r} at {self.name}")
            if response.is_error or "ndjson" not in kind:
                raise RecordingError(self._explain(response.status_code))
            yield Download(response)

    # GraphQL

    def _iterate_nodes(
        self, fields: str, criteria: dict[str, Any], *, first: int
    ) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            page = self._read_page(fields, criteria, first=first, after=after)
            yield from (edge["node"] for edge in page["edges"])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

    def _read_page(
        self, fields: str, criteria: dict[str, Any], *, first: int, after: str | None
    ) -> dict[str, Any]:
        variables = {"filter": criteria, "first": first, "after": after}
        body = {"query": _RUNS % fields, "variables": variables}
        with self._reach():
            answer = self._client.post(
                f"{self._base}/graphql", json=body, headers={"accept": "application/json"}
            )
        try:
            found = answer.json()
            if found.get("errors"):
                raise RecordingError(f"{self.name} answers: {found['errors'][0]['message']}")
            page: dict[str, Any] = found["data"]["runs"]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise RecordingError(self._explain(answer.status_code)) from None
        return page

    @contextmanager
    def _reach(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RecordingError(f"cannot reach {self.name}: {_describe(error)}") from error

    def _explain(self, status: int) -> str:
        why = "no AgentTrace server does so; give its API, such as http://localhost:8000/api"
        return f"{self.name} answers with status {status}: {_HINTS.get(status, why)}"


def _describe(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError) and "refused" in str(error):
        return "connection refused"
    if isinstance(error, httpx.ReadTimeout):
        return f"it said nothing for {SILENCE_TIMEOUT_S:g} s"
    return str(error) or type(error).__name__


def _make_head(node: dict[str, Any]) -> RunHead:
    return RunHead(node["id"], node["name"], _read_time(node["startTime"]))


def _make_summary(node: dict[str, Any]) -> RunSummary:
    said = node["totals"]
    duration_ms = node["durationMs"]
    return RunSummary(
        run_id=node["id"],
        name=node["name"],
        status=RunStatus(node["status"]),
        start_ns=_read_time(node["startTime"]),
        end_ns=None if node["endTime"] is None else _read_time(node["endTime"]),
        duration_ns=None if duration_ms is None else round(duration_ms * _NS_PER_MS),
        correlation_id=node["correlationId"],
        tags=tuple(node["tags"]),
        totals=Totals(
            spans=said["spans"],
            llm_calls=said["llmCalls"],
            tool_calls=said["toolCalls"],
            errors=said["errors"],
            prompt_tokens=_read_count(said["promptTokens"]),
            completion_tokens=_read_count(said["completionTokens"]),
            cached_tokens=_read_count(said["cachedTokens"]),
            total_tokens=_read_count(said["totalTokens"]),
            tokens_estimated=said["tokensEstimated"],
            cost_usd=_read_usd(said["costUsd"]),
            billed_usd=_read_usd(said["billedUsd"]),
        ),
        dropped={each["reason"]: int(each["count"]) for each in node["dropped"]},
        user_tags=tuple(node["userTags"]),
        annotations=tuple(_make_annotation(node["id"], each) for each in node["annotations"]),
    )


def _make_annotation(run_id: str, said: dict[str, Any]) -> RecordedAnnotation:
    return RecordedAnnotation(
        v=1,
        run_id=run_id,
        annotation_id=said["id"],
        name=said["name"],
        source=said["source"],
        score=said["score"],
        label=said["label"],
        comment=said["comment"],
        author=said["author"],
        created_ns=_read_time(said["createdAt"]),
        updated_ns=_read_time(said["updatedAt"]),
    )


def _read_usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _read_count(value: float | str | None) -> int | None:
    return None if value is None else int(value)


def _read_time(text: str) -> int:
    """Return a `DateTime` as ns since the Unix epoch; GraphQL rounds to whole microseconds."""
    since = datetime.fromisoformat(text) - _EPOCH
    return since // timedelta(microseconds=1) * _NS_PER_US
