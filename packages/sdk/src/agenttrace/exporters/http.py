"""Records to a server's `POST /api/ingest`, with the answer of each line taken at its word."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from agenttrace.errors import ConfigurationError
from agenttrace.exporters.exchange import Answer, Exchange, ExchangeError, is_loopback
from agenttrace.guard import log_warning
from agenttrace.local_token import read_local_token
from agenttrace.pipeline.batch import encode_records
from agenttrace.pipeline.export import Exporter, ExportResult
from agenttrace.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from agenttrace.wire import Record

MIN_GZIP_BYTES: Final = 32 * 1024
MAX_TRIES: Final = 3
"""How often a server that refuses everything is asked before the exporter stops."""
MAX_ERROR_RETRIES: Final = 3
MAX_REQUESTS: Final = 200
"""How many requests the search for bad records in one batch may take."""

BUSY: Final = frozenset({408, 425, 429, 502, 503, 504})
REFUSES_ALL: Final = frozenset({401, 403, 404, 405, 407, 421, *range(300, 400)})
"""Nothing is wrong with the records: with another key, path or server they would be taken."""
REFUSES_SOME: Final = frozenset({400, 413, 422})
SERVER_ERROR: Final = 500
UNAUTHORIZED: Final = 401
CONTENT_TOO_LARGE: Final = 413
SUCCESS: Final = range(200, 300)


class APIExporter(Exporter):
    """Sends batches to `{endpoint}/ingest` as NDJSON.

    A batch is delivered when the server answers 2xx, which it does after its commit; lines that it
    refuses are counted as `rejected`. docs/delivery.md has the table of answers. While the server
    is away, or refuses the key, there is one warning.

    Guarantee: at least once. Records are on disk a few milliseconds after they were recorded, and
    stay there until the server has them: this process sends them, or the next one that records to
    the same endpoint with the same key. What was recorded without a key is also sent by one with a
    key, once the server takes that: it was of no project yet. Without the spool: while the program
    runs.

    A server on this machine that was started with `--local-token` leaves its token in a file of
    its user's; without a key, that is found by itself.

    While a run is open, its start is sent again every 20 s: the server shows a run of which it
    hears nothing for a minute as interrupted.
    """

    wants_signs_of_life = True

    def __init__(
        self,
        endpoint: str,
        *,
        api_key: str | None = None,
        spool: bool = True,
        compress: bool | None = None,
    ) -> None:
        """`endpoint` is the server's API, such as `http://localhost:8000/api`.

        Without `api_key` the key is AGENTTRACE_API_KEY, if that is set; an empty text is no key.
        Without `spool` records wait in memory only; AGENTTRACE_SPOOL=0 says so for all.
        `compress` is gzip for batches from 32 KiB on; None leaves it out where the server is on
        this machine, as it costs more time than it saves there.

        Raises:
            ConfigurationError: when `endpoint` is no http or https URL.

        """
        check_endpoint(endpoint)
        if api_key is None:
            api_key = read_settings().api_key
        self.endpoint = endpoint.rstrip("/")
        self._url = f"{self.endpoint}/ingest"
        headers = {"content-type": "application/x-ndjson"}
        if api_key:
            headers["authorization"] = f"Bearer {api_key}"
        if spool:
            self.spool_target = _name_target(self.endpoint, api_key or "")
            self.spool_takes_over = _name_target(self.endpoint, "") if api_key else None
        self._has_key = bool(api_key)
        self._asks_for_token = not api_key and is_loopback(self._url)
        self._local_token: str | None = None
        self._compresses = not is_loopback(self._url) if compress is None else compress
        self._exchange = Exchange(self._url, headers=headers)
        _addresses.add(name_address(self._url))
        self._told: set[str] = set()
        self._error_retries = self._refusals = self._requests = 0
        self._refused_with: int | None = None  # the last status that refused all

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Send the records in one request; in more where some are refused or it is too large."""
        self._requests = 0
        return self._send(encode_records(records))

    def shutdown(self, *, timeout_s: float) -> None:
        """Close the connections; tell of a refusal that no further try came after."""
        del timeout_s
        if self._refused_with is not None:
            self._warn_refused(self._refused_with)
        self._exchange.close()

    def _send(self, lines: list[bytes]) -> ExportResult:
        self._requests += 1
        body = b"\n".join(lines) + b"\n"
        headers = {}
        if self._local_token is not None:
            headers["authorization"] = f"Bearer {self._local_token}"
        if self._compresses and len(body) >= MIN_GZIP_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers["content-encoding"] = "gzip"
        try:
            answer = self._exchange.post(body, headers)
        except ExchangeError as error:
            self._warn_away(f"cannot reach {self._url}: {error}")
            return ExportResult.RETRY()
        if answer.status == UNAUTHORIZED and self._find_local_token():
            return self._send(lines)
        return self._judge(answer, lines)

    def _find_local_token(self) -> bool:
        """Tell whether there is a token that was not tried; a server makes one at each start."""
        token = read_local_token(self._url) if self._asks_for_token else None
        is_new = token is not None and token != self._local_token
        self._local_token = token
        return is_new

    def _judge(self, answer: Answer, lines: list[bytes]) -> ExportResult:
        status = answer.status
        if status in BUSY:
            self._warn_away(f"{self._url} answers {status}")
            return ExportResult.RETRY(answer.retry_after_s)
        if status == SERVER_ERROR and self._error_retries < MAX_ERROR_RETRIES:
            self._error_retries += 1
            return ExportResult.RETRY(answer.retry_after_s)
        self._error_retries = 0
        report = _read_report(answer.body)
        if status in SUCCESS and report is not None:
            self._told -= {_AWAY, _STOPPED}
            self._refusals, self._refused_with = 0, None
            reasons = _find_reasons(report, len(lines))
            self._warn_rejected(status, reasons.values())
            return ExportResult.REJECTED(reasons) if reasons else ExportResult.DELIVERED
        if status in SUCCESS or status in REFUSES_ALL:
            return self._stop(status)
        return self._search(status, report, lines)

    def _search(
        self, status: int, report: dict[str, Any] | None, lines: list[bytes]
    ) -> ExportResult:
        """Find out which records the server refuses, where it does not say so by itself."""
        if status in REFUSES_SOME and len(lines) > 1 and self._requests < MAX_REQUESTS:
            if report is None or status == CONTENT_TOO_LARGE:
                return self._send_halves(lines)
            reasons = _find_reasons(report, len(lines))
            if 0 < len(reasons) < len(lines):
                return self._send_others(lines, reasons)
        return self._reject(status, report, len(lines))

    def _send_halves(self, lines: list[bytes]) -> ExportResult:
        """Send the batch in two, and those again, until what is refused is found."""
        middle = len(lines) // 2
        reasons: dict[int, str] = {}
        for start, part in ((0, lines[:middle]), (middle, lines[middle:])):
            result = self._send(part)
            if result.kind in {"retry", "stopped"}:
                return result  # what arrived may come again: records are idempotent
            reasons |= {start + index: why for index, why in result.reasons.items()}
        return ExportResult.REJECTED(reasons) if reasons else ExportResult.DELIVERED

    def _send_others(self, lines: list[bytes], reasons: dict[int, str]) -> ExportResult:
        """Send again what the server, which took nothing of the batch, found no fault with."""
        others = [index for index in range(len(lines)) if index not in reasons]
        result = self._send([lines[index] for index in others])
        if result.kind in {"retry", "stopped"}:
            return result
        return ExportResult.REJECTED(
            reasons | {others[index]: why for index, why in result.reasons.items()}
        )

    def _stop(self, status: int) -> ExportResult:
        self._refusals += 1
        self._refused_with = status
        if self._refusals < MAX_TRIES:
            return ExportResult.RETRY()
        return ExportResult.STOPPED(f"status {status}: {self._warn_refused(status)}")

    def _warn_refused(self, status: int) -> str:
        """Warn of what refuses everything, once; return why it does."""
        why = self._explain(status) or _NO_API
        key = "this key" if self._has_key else "or without a key"
        self._warn(
            _STOPPED,
            f"{self._url} refuses all records with status {status}: {why}. Nothing more is sent "
            f"for now. What is in the spool stays there, up to 7 days, and is sent to this "
            f"endpoint, with {key}, once it is taken; without a spool it is dropped and counted "
            "in tracer.stats().",
        )
        return why

    def _explain(self, status: int) -> str | None:
        if status == UNAUTHORIZED:
            return _WRONG_KEY if self._has_key else _NO_KEY
        return _HINTS.get(status)

    def _reject(self, status: int, report: dict[str, Any] | None, count: int) -> ExportResult:
        reasons = dict.fromkeys(range(count), f"status {status}")
        why = _HINTS.get(status)
        found = {} if report is None else _find_reasons(report, count)
        if why is None and found:
            self._warn_rejected(status, found.values())
        else:
            self._warn(f"status {status}", self._describe(status, why or _UNTOLD))
        return ExportResult.REJECTED(reasons | found)

    def _warn_rejected(self, status: int, reasons: Collection[str]) -> None:
        """Warn once of each code, with what it means."""
        named = [reason for reason in reasons if reason != _UNNAMED]
        for reason in named or reasons:
            code = reason.partition(":")[0]
            meaning = _MEANINGS.get(code)
            why = reason.rstrip(".?!")
            if len(self._told) < _MAX_TOLD:
                self._warn(code, self._describe(status, f"{why}; {meaning}" if meaning else why))

    def _describe(self, status: int, why: str) -> str:
        return (
            f"{self._url} refuses records with status {status}: {why.rstrip('.?!')}. They "
            "are dropped and counted in tracer.stats()."
        )

    def _warn_away(self, what: str) -> None:
        self._warn(
            _AWAY,
            f"{what}. The program goes on; records wait, on disk if there is a spool, and are "
            "sent when the server answers. tracer.stats() counts what is dropped.",
        )

    def _warn(self, topic: str, message: str) -> None:
        if topic not in self._told:
            self._told.add(topic)
            log_warning(message)


_AWAY: Final = "away"
_STOPPED: Final = "stopped"
_MAX_TOLD: Final = 32
"""Codes are the server's: of one that invents them, not each is told of."""
_NO_API: Final = "no AgentTrace server's API answers so; check the endpoint"
_UNNAMED: Final = "not named in the server's answer"
_UNTOLD: Final = "the answer does not say why"
_NO_KEY: Final = (
    "no API key was sent; set AGENTTRACE_API_KEY or APIExporter(api_key=…). A server without "
    "accounts takes records of its own user only"
)
_WRONG_KEY: Final = (
    "the API key is wrong, expired or revoked; set another one as AGENTTRACE_API_KEY or "
    "APIExporter(api_key=…)"
)
_HINTS: Final = {
    403: "the API key may not ingest; make one with the scope INGEST or WRITE, and set it as "
    "AGENTTRACE_API_KEY or APIExporter(api_key=…)",
    404: "there is no such path; the endpoint should end in /api",
    405: "nothing is taken at this path; the endpoint should end in /api",
    413: "one record is larger than the server takes",
    421: "the server does not answer to this name; add it to ALLOWED_HOSTS there, or use another",
}

_MEANINGS: Final = {
    "run_not_found": "the run belongs to another project than the API key, or was never there: all "
    "parts of a run are recorded with keys of one project",
    "run_deleted": "the run was deleted on the server, and nothing more of it is kept",
    "forbidden": "the API key may record, but not annotate or tag; make one with the scope WRITE",
}
"""What a code of a line says beyond the server's own words: what it means for this program."""


def check_endpoint(endpoint: str) -> None:
    """Do nothing if this may be a server's address.

    Raises:
        ConfigurationError: it is no http or https URL.

    """
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


_addresses: Final[set[str]] = set()


def list_addresses() -> list[str]:
    """Return the `host:port` of each server that this process has an exporter for, or had."""
    return list(_addresses)


def name_address(url: str) -> str:
    """Return the `host:port` of a URL, as sockets have it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _name_target(endpoint: str, api_key: str) -> str:
    # Not the key itself: whoever looks at this exporter must not find it here.
    digest = sha256(api_key.encode("utf-8", "replace")).hexdigest()
    return f"{endpoint} {digest}"


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
