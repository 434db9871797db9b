"""Records to a server's `POST /api/ingest`, with the answer of each line taken at its word."""

from __future__ import annotations

import gzip
import json
import os
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx

from agenttrace.errors import ConfigurationError
from agenttrace.guard import log_warning
from agenttrace.pipeline.batch import encode_records
from agenttrace.pipeline.export import Exporter, ExportResult
from agenttrace.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.wire import Record

CONNECT_TIMEOUT_S: Final = 3.0
TOTAL_TIMEOUT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 64 * 1024
MIN_GZIP_BYTES: Final = 32 * 1024
RETRY_STATUSES: Final = frozenset({408, 429, 502, 503, 504})
MAX_ERROR_RETRIES: Final = 3
_CONTENT_TOO_LARGE: Final = 413
_SERVER_ERROR: Final = 500


class APIExporter(Exporter):
    """Sends batches to `{endpoint}/ingest` as NDJSON.

    A batch is delivered when the server answers 2xx, which it does after its commit; lines that it
    refuses are counted as `rejected`. While the server cannot be reached, or answers 408, 429, 502,
    503 or 504, the batch stays and is sent again with growing pauses; `Retry-After` is honoured.
    After 500 it is sent again 3 times. Any other status refuses the batch for good. While the
    server is away there is one warning.

    Guarantee: at least once while the program runs; what waits at its end is dropped and counted.
    """

    def __init__(self, endpoint: str, *, api_key: str | None = None) -> None:
        """`endpoint` is the server's API, such as `http://localhost:8000/api`.

        Without `api_key` the key is AGENTTRACE_API_KEY, if that is set; an empty text is no key.

        Raises:
            ConfigurationError: when `endpoint` is no http or https URL.

        """
        _check_endpoint(endpoint)
        if api_key is None:
            api_key = read_settings().api_key
        self.endpoint = endpoint.rstrip("/")
        self._url = f"{self.endpoint}/ingest"
        self._headers = {"content-type": "application/x-ndjson"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._client: httpx.Client | None = None
        self._client_pid = 0
        self._has_warned = False
        self._error_retries = 0

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Send the records in one request, in halves where it is too large for the server."""
        return self._send(encode_records(records))

    def shutdown(self, *, timeout_s: float) -> None:
        """Close the connections."""
        del timeout_s
        if self._client is not None and self._client_pid == os.getpid():
            self._client.close()
        self._client = None

    def _send(self, lines: list[bytes]) -> ExportResult:
        body = b"\n".join(lines) + b"\n"
        headers = self._headers
        if len(body) >= MIN_GZIP_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers = {**headers, "content-encoding": "gzip"}
        try:
            status, answer, retry_after = self._post(body, headers)
        except httpx.TransportError as error:
            self._warn(f"cannot reach {self._url}: {_describe(error)}")
            return ExportResult.RETRY()
        if status == _CONTENT_TOO_LARGE and len(lines) > 1:
            return self._send_halves(lines)
        return self._judge(status, answer, retry_after, len(lines))

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        deadline = monotonic() + TOTAL_TIMEOUT_S
        answer = bytearray()
        client = self._find_client()
        with client.stream("POST", self._url, content=body, headers=headers) as response:
            for chunk in response.iter_raw():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    break
                if monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long")
            return response.status_code, bytes(answer), response.headers.get("retry-after")

    def _find_client(self) -> httpx.Client:
        pid = os.getpid()
        if self._client is None or self._client_pid != pid:
            # A connection that a fork shares would mix two processes' requests.
            self._client = httpx.Client(
                timeout=httpx.Timeout(TOTAL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                follow_redirects=False,
                # What is meant for this machine must not leave it through a proxy.
                trust_env=not _is_loopback(self.endpoint),
                # Uncompressed answers: what is read is then what is counted.
                headers={"accept-encoding": "identity", "accept": "application/json"},
            )
            self._client_pid = pid
        return self._client

    def _send_halves(self, lines: list[bytes]) -> ExportResult:
        middle = len(lines) // 2
        first = self._send(lines[:middle])
        second = self._send(lines[middle:])
        for result in (first, second):
            if result.kind == "retry":  # what arrived may come again: records are idempotent
                return result
        reasons = {**first.reasons, **{middle + i: why for i, why in second.reasons.items()}}
        return ExportResult.REJECTED(reasons) if reasons else ExportResult.DELIVERED

    def _judge(
        self, status: int, answer: bytes, retry_after: str | None, count: int
    ) -> ExportResult:
        if status in RETRY_STATUSES:
            self._warn(f"{self._url} answers {status}")
            return ExportResult.RETRY(read_retry_after(retry_after))
        if status == _SERVER_ERROR and self._error_retries < MAX_ERROR_RETRIES:
            self._error_retries += 1
            return ExportResult.RETRY(read_retry_after(retry_after))
        self._error_retries = 0
        report = _read_report(answer)
        if 200 <= status < 300 and report is not None:  # noqa: PLR2004 -- the 2xx class
            self._has_warned = False
            reasons = _find_reasons(report, count)
            return ExportResult.REJECTED(reasons) if reasons else ExportResult.DELIVERED
        if report is not None:
            reasons = dict.fromkeys(range(count), f"status {status}") | _find_reasons(report, count)
            named = (each for each in reasons.values() if each != _UNNAMED)
            self._warn_rejected(status, _HINTS.get(status) or next(named, _UNNAMED))
            return ExportResult.REJECTED(reasons)
        why = _HINTS.get(status, _NO_API)
        self._warn_rejected(status, why)
        return ExportResult.REJECTED(dict.fromkeys(range(count), f"status {status}"))

    def _warn(self, what: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log_warning(
                f"{what}. The program goes on; records wait in a bounded queue and are sent when "
                "the server answers. What the end of the program leaves is dropped and counted in "
                "tracer.stats()."
            )

    def _warn_rejected(self, status: int, why: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log_warning(
                f"{self._url} refuses records with status {status}: {why.rstrip('.?!')}. They "
                "are dropped and counted in tracer.stats()."
            )


_NO_API: Final = "that is not the answer of an AgentTrace server's API"
_UNNAMED: Final = "not named in the server's answer"
_HINTS: Final = {
    401: "the API key is missing or wrong; set AGENTTRACE_API_KEY or api_key",
    403: "the API key may not ingest",
    404: "there is no such path; the endpoint should end in /api",
    413: "one record is larger than the server takes",
}


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number up to 65535, an IPv6 address without its end
        is_valid = False
    if not is_valid or "?" in endpoint or "#" in endpoint:
        raise ConfigurationError(
            f"endpoint {endpoint!r} is no http or https URL of a host, a port and a path alone; "
            "expected one such as http://localhost:8000/api"
        )


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; else None."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return None


def _read_report(answer: bytes) -> dict[str, Any] | None:
    try:
        report = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) and "accepted" in report else None


def _find_reasons(report: dict[str, Any], count: int) -> dict[int, str]:
    errors = report.get("errors")
    reasons: dict[int, str] = {}
    for error in errors if isinstance(errors, list) else []:
        line = error.get("line") if isinstance(error, dict) else None
        if type(line) is int and 1 <= line <= count:
            reasons[line - 1] = f"{error.get('code')}: {error.get('message')}"[:500]
    rejected = report.get("rejected")
    if type(rejected) is int:  # the list is capped: count those too that it does not name
        others = (index for index in range(count) if index not in reasons)
        for _, index in zip(range(rejected - len(reasons)), others, strict=False):
            reasons[index] = _UNNAMED
    return reasons


def _describe(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError) and "refused" in str(error):
        return "connection refused"
    return str(error) or type(error).__name__


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
