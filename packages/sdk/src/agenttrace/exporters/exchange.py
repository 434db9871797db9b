"""One POST and its answer, bounded in time and size, and silent in the program's own logs."""

from __future__ import annotations

import encodings.idna  # noqa: F401 -- for a worker: see below
import importlib.readers
import importlib.resources.readers  # noqa: F401 -- as above
import logging
import os
import socket
import threading
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

# What the first request brings otherwise, on a worker's thread: a fork within that import would
# leave the child a client that is half imported, and Ctrl-C within it another exit code.
import httpcore  # noqa: F401 -- see above
import httpx

CONNECT_TIMEOUT_S: Final = 3.0
TOTAL_TIMEOUT_S: Final = 10.0
MAX_FORK_WAIT_S: Final = 1.0
MAX_ANSWER_BYTES: Final = 64 * 1024
_MAX_DIGITS: Final = 9


class _Making:
    """Held while a client is made; a fork waits for it, for a second at most.

    A client makes an SSL context, also for plain HTTP. OpenSSL's own locks are not renewed in the
    child of a fork: one that another thread had there would be waited for without end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_fork_holding = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._wait, after_in_parent=self._go_on, after_in_child=self._begin_anew
            )

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def _wait(self) -> None:
        self._is_fork_holding = self._lock.acquire(timeout=MAX_FORK_WAIT_S)

    def _go_on(self) -> None:
        if self._is_fork_holding:
            self._lock.release()

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()


_making: Final = _Making()


class Answer(NamedTuple):
    """What a server said: its status, at most 64 KiB of the body, and how long to wait, in s."""

    status: int
    body: bytes
    retry_after_s: float | None


class ExchangeError(Exception):
    """There was no answer; the text says why, for people."""


class Exchange:
    """Sends to one URL over connections that it keeps. For one thread; a fork begins anew."""

    def __init__(self, url: str, *, headers: dict[str, str]) -> None:
        self._url = url
        self._headers = headers
        self._client: httpx.Client | None = None
        self._client_pid = 0
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send `body`, within 10 s from the first byte of the connection to the last of the answer.

        Raises:
            ExchangeError: when there is no answer, or none in time.

        """
        self._is_cut = False
        # A server that sends a byte now and then keeps each read alive, but not the exchange.
        timer = threading.Timer(TOTAL_TIMEOUT_S, self._cut)
        timer.daemon = True
        _start(timer)
        _local.is_exporting = True
        try:
            return self._read(self._find_client(), body, headers)
        # Beside what the client says of the network: a proxy or a host name that cannot be meant.
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError) as error:
            if self._is_cut:
                message = f"the exchange took longer than {TOTAL_TIMEOUT_S:g} s"
                raise ExchangeError(message) from error
            raise ExchangeError(_describe(error)) from error
        finally:
            _local.is_exporting = False
            timer.cancel()

    def _read(self, client: httpx.Client, body: bytes, headers: dict[str, str]) -> Answer:
        answer = bytearray()
        with client.stream(
            "POST",
            self._url,
            content=body,
            headers={**self._headers, **headers},
            extensions={"trace": self._note_connection},
        ) as response:
            for chunk in response.iter_raw():
                answer += chunk[: MAX_ANSWER_BYTES - len(answer)]
                if len(answer) >= MAX_ANSWER_BYTES:
                    break
            retry_after_s = read_retry_after(response.headers.get("retry-after"))
            return Answer(response.status_code, bytes(answer), retry_after_s)

    def _note_connection(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets = [each for each in self._sockets if each.fileno() >= 0]
                self._sockets.append(found)
                if self._is_cut:  # the time was over before there was a connection to cut
                    self._cut()

    def _cut(self) -> None:
        self._is_cut = True
        for each in self._sockets:
            try:
                # Not close, which does not wake the thread that reads, nor the method of an SSL
                # socket, which takes its state away from under that thread.
                socket.socket.shutdown(each, socket.SHUT_RDWR)
            except OSError:
                continue

    def _find_client(self) -> httpx.Client:
        pid = os.getpid()
        if self._client is None or self._client_pid != pid:
            # A connection that a fork shares would mix two processes' requests.
            _keep_quiet()
            self._sockets = []
            with _making:
                self._client = self._make_client()
            self._client_pid = pid
        return self._client

    def _make_client(self) -> httpx.Client:
        return httpx.Client(
            timeout=httpx.Timeout(TOTAL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            # What is meant for this machine must not leave it through a proxy.
            trust_env=not is_loopback(self._url),
            # Uncompressed answers: what is read is then what is counted.
            headers={"accept-encoding": "identity", "accept": "application/json"},
        )

    def close(self) -> None:
        """Close the connections, unless they are the parent's of a fork."""
        if self._client is not None and self._client_pid == os.getpid():
            self._client.close()
        self._client = None


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; else None."""
    if value is None:
        return None
    text = value.strip()
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        return float(digits[:_MAX_DIGITS]) if digits is text else 0.0
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return None


class _Local(threading.local):
    is_exporting = False


_local = _Local()


class _OwnRequests(logging.Filter):
    """Holds back what the HTTP client logs of our requests; those of the program go through."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not _local.is_exporting


_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_filter: Final = _OwnRequests()


def _keep_quiet() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)  # which takes each filter once


def _start(timer: threading.Timer) -> None:
    try:
        timer.start()
    except RuntimeError:  # no thread to be had, as at the very end of a program
        return


def _describe(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError) and "refused" in str(error):
        return "connection refused"
    return str(error) or type(error).__name__


def is_loopback(endpoint: str) -> bool:
    """Tell whether a URL's host is this machine, by its name or address."""
    host = urlsplit(endpoint).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
