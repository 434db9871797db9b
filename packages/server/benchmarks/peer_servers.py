"""Peers as users start them, over SQLite in a temporary folder, and what their own APIs answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST: Final = "127.0.0.1"
START_S: Final = 180.0
ANSWER_S: Final = 120.0
_PAGE: Final = 1_000
_QUIET: Final = {
    "PHOENIX_TELEMETRY_ENABLED": "false", "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
}  # fmt: skip


class Peer(ABC):
    """A peer's server that answers, and a connection to it."""

    name: ClassVar[str]
    distribution: ClassVar[str]
    health: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, port: int, process_id: int) -> None:
        self.port = port
        self.start_s = 0.0
        self._process_id = process_id
        self._client = self.connect()

    @staticmethod
    @abstractmethod
    def make_command(port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
        """Return the interpreter's arguments that start it, and its environment."""

    @abstractmethod
    def count_spans(self) -> int:
        """Return how many spans can be read."""

    @abstractmethod
    def has_trace(self, run_id: str) -> bool:
        """Say whether a trace can be read."""

    @abstractmethod
    def read_tree(self, run_id: str) -> int:
        """Read all spans of a trace; return how many came."""

    @abstractmethod
    def list_traces(self) -> int:
        """Read the newest 50 traces with their totals; return how many came."""

    @abstractmethod
    def read_usage(self) -> int:
        """Read the cost of each model over everything; return how many models came."""

    @abstractmethod
    def search(self, words: str) -> int:
        """Read the first 50 of what has these words one after the other; return how many came."""

    def connect(self) -> httpx.Client:
        """Return a client of its own connection."""
        return httpx.Client(base_url=f"http://{HOST}:{self.port}", timeout=ANSWER_S)

    def post_spans(self, client: httpx.Client, body: bytes) -> bool:
        """Send an export request; return whether it was taken: False is "later, please".

        Raises:
            RuntimeError: it was refused.

        """
        headers = {"content-type": "application/x-protobuf", **self.headers}
        answer = client.post("/v1/traces", content=body, headers=headers)
        if answer.status_code in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
            return False
        if answer.status_code != httpx.codes.OK:
            message = f"{self.name} refused spans, {answer.status_code}: {answer.text[:300]}"
            raise RuntimeError(message)
        return True

    def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        answer = self._client.request(method, path, json=content)
        return answer.status_code, answer.json()

    def measure_rss_mib(self) -> float:
        """Return the resident memory of all its processes now."""
        pages = 0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
                if session == self._process_id:
                    pages += int((entry / "statm").read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def close(self) -> None:
        """Close its connection."""
        self._client.close()


class Phoenix(Peer):
    """Arize Phoenix: OTLP in, GraphQL out."""

    name = "Phoenix"
    distribution = "arize-phoenix"
    health = "/healthz"
    _LIST: Final = """{ getProjectByName(name: "default") { spans(first: 50,
        filterCondition: "parent_id is None", sort: {col: startTime, dir: desc}) { edges { node {
        id name statusCode startTime latencyMs cumulativeTokenCountTotal trace { numSpans
        costSummary { total { cost } } } } } } } }"""
    _TREE: Final = """query($id: String!, $after: String) { getTraceByOtelId(traceId: $id) {
        spans(first: 1000, after: $after) { pageInfo { hasNextPage endCursor } edges { node { id
        spanId parentId name spanKind statusCode startTime endTime latencyMs tokenCountTotal
        } } } } }"""
    _USAGE: Final = """query($range: TimeRange!) { getProjectByName(name: "default") {
        topModelsByCost(timeRange: $range) { name costSummary { total { cost tokens } } } } }"""
    _SEARCH: Final = """query($words: String!) { getProjectByName(name: "default") {
        spans(first: 50, filterCondition: $words) { edges { node { id name } } } } }"""

    @staticmethod
    def make_command(port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
        """Return the interpreter's arguments that start it, and its environment."""
        return ["-m", "phoenix.server.main", "serve"], {
            "PHOENIX_HOST": HOST, "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(find_port()), "PHOENIX_WORKING_DIR": str(folder),
            "PHOENIX_SQL_DATABASE_URL": f"sqlite:///{folder / 'phoenix.db'}",
        }  # fmt: skip

    def _query(self, query: str, **variables: Any) -> Any:
        _, answer = self.ask("POST", "/graphql", {"query": query, "variables": variables})
        if answer.get("errors"):
            message = f"Phoenix does not answer: {answer['errors']}"
            raise RuntimeError(message)
        return answer["data"]

    def count_spans(self) -> int:
        """Return how many spans can be read."""
        data = self._query('{ getProjectByName(name: "default") { recordCount } }')
        return int(data["getProjectByName"]["recordCount"]) if data["getProjectByName"] else 0

    def has_trace(self, run_id: str) -> bool:
        """Say whether a trace can be read."""
        query = "query($id: String!) { getTraceByOtelId(traceId: $id) { id } }"
        return bool(self._query(query, id=run_id)["getTraceByOtelId"])

    def read_tree(self, run_id: str) -> int:
        """Read all spans of a trace, 1,000 a page; return how many came."""
        spans, after = 0, None
        while True:
            page = self._query(self._TREE, id=run_id, after=after)["getTraceByOtelId"]["spans"]
            spans += len(page["edges"])
            if not page["pageInfo"]["hasNextPage"]:
                return spans
            after = page["pageInfo"]["endCursor"]

    def list_traces(self) -> int:
        """Read the newest 50 traces with their totals; return how many came."""
        return len(self._query(self._LIST)["getProjectByName"]["spans"]["edges"])

    def read_usage(self) -> int:
        """Read the cost of each model over everything; return how many models came."""
        everything = {"start": "2020-01-01T00:00:00Z", "end": "2040-01-01T00:00:00Z"}
        data = self._query(self._USAGE, range=everything)
        return len(data["getProjectByName"]["topModelsByCost"])

    def search(self, words: str) -> int:
        """Read the first 50 spans with these words in input or output; return how many came."""
        condition = f"'{words}' in input.value or '{words}' in output.value"
        data = self._query(self._SEARCH, words=condition)
        return len(data["getProjectByName"]["spans"]["edges"])


class MLflow(Peer):
    """MLflow: OTLP in, REST out."""

    name = "MLflow"
    distribution = "mlflow"
    health = "/health"
    headers: ClassVar[Mapping[str, str]] = {"x-mlflow-experiment-id": "0"}
    _PATH: Final = "/api/3.0/mlflow/traces"

    @staticmethod
    def make_command(port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
        """Return the interpreter's arguments that start it, and its environment."""
        store = f"sqlite:///{folder / 'mlflow.db'}"
        # One worker: on a busy machine uvicorn takes its four, while they import, for dead.
        options = ["--host", HOST, "--port", str(port), "--workers", "1"]
        stores = ["--backend-store-uri", store, "--artifacts-destination", str(folder)]
        return ["-m", "mlflow", "server", *options, *stores], {}

    def _request(self, method: str, path: str, content: Any = None) -> Any:
        status, answer = self.ask(method, self._PATH + path, content)
        if status != httpx.codes.OK:
            message = f"MLflow does not answer: {status} {answer}"
            raise RuntimeError(message)
        return answer

    def _measure(self, metric: str, aggregation: str, dimensions: list[str]) -> list[Any]:
        answer = self._request("POST", "/metrics", {
            "experiment_ids": ["0"], "view_type": "SPANS", "metric_name": metric,
            "aggregations": [{"aggregation_type": aggregation}], "dimensions": dimensions,
        })  # fmt: skip
        points: list[Any] = answer.get("data_points", [])
        return points

    def _list(self, condition: str = "") -> int:
        answer = self._request("POST", "/search", {
            "locations": [{"type": "MLFLOW_EXPERIMENT",
                           "mlflow_experiment": {"experiment_id": "0"}}],
            "filter": condition, "max_results": 50, "order_by": ["timestamp_ms DESC"],
        })  # fmt: skip
        return len(answer.get("traces", []))

    def count_spans(self) -> int:
        """Return how many spans can be read."""
        points = self._measure("span_count", "COUNT", [])
        return int(points[0]["values"]["COUNT"]) if points else 0

    def has_trace(self, run_id: str) -> bool:
        """Say whether a trace can be read."""
        status, _ = self.ask("GET", f"{self._PATH}/tr-{run_id}")
        return status == httpx.codes.OK

    def read_tree(self, run_id: str) -> int:
        """Read all spans of a trace; return how many came."""
        answer = self._request("GET", f"/get?trace_id=tr-{run_id}&allow_partial=true")
        return len(answer["trace"]["spans"])

    def list_traces(self) -> int:
        """Read the newest 50 traces with their totals; return how many came."""
        return self._list()

    def read_usage(self) -> int:
        """Read the cost of each model over everything; return how many models came."""
        return len(self._measure("total_cost", "SUM", ["span_model_name"]))

    def search(self, words: str) -> int:
        """Read the first 50 traces with these words in a span; return how many came."""
        return self._list(f"trace.text LIKE '%{words}%'")


PEERS: Final[tuple[type[Peer], ...]] = (Phoenix, MLflow)


def find_port() -> int:
    """Return a port that is free now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def run_peer(kind: type[Peer], python: str) -> Iterator[Peer]:
    """Start a peer's server; yield it once it answers; stop it and all that it started.

    Raises:
        RuntimeError: it ended, or did not answer in three minutes; says its last words.

    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, port = Path(name), find_port()
        arguments, environment = kind.make_command(port, folder)
        begin = time.perf_counter()
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 -- the interpreter that the user named
                [python, *arguments], stdout=log, stderr=log, cwd=folder, start_new_session=True,
                env={**os.environ, **_QUIET, **environment, "PYTHONPATH": "", "HOME": name},
            )  # fmt: skip
        try:
            peer = kind(port, process.pid)
            _wait(peer, process, folder / "server.log")
            peer.start_s = time.perf_counter() - begin
            yield peer
            peer.close()
        finally:
            _stop(process)


def _wait(peer: Peer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.perf_counter() + START_S
    while process.poll() is None and time.perf_counter() < deadline_s:
        with suppress(httpx.TransportError):  # it does not listen yet
            if httpx.get(f"http://{HOST}:{peer.port}{peer.health}").status_code == httpx.codes.OK:
                return
        time.sleep(0.02)
    message = f"{peer.name} did not start: {log.read_text(errors='replace')[-1_000:]}"
    raise RuntimeError(message)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its workers: it has a session, and so a group, of its own."""
    with suppress(ProcessLookupError):  # all have ended
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):  # a worker may outlive it
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
