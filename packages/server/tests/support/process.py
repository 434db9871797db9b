"""The server as its users run it: a process of its own, on a free port, over a database file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


class ServerProcess:
    """A running `agenttrace-server serve`, over a file in the folder or another database."""

    def __init__(
        self,
        folder: Path,
        *flags: str,
        database_url: str | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.database = folder / "agenttrace.db"
        url = database_url or f"sqlite:///{self.database}"
        command = [sys.executable, "-c", "from agenttrace_server.cli import main; main()", "serve"]
        # A pipe that nobody reads meanwhile would hold the server up.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- open as long as this is
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--database-url", url, *flags],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.text = ""
        """What it has written to standard output."""
        self.url = self._read_url()

    @property
    def websocket_url(self) -> str:
        """The address of the GraphQL WebSocket."""
        return self.url.replace("http://", "ws://") + "/graphql"

    def _read_url(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # ends when the process does
            self.text += line
            if "Dashboard" in line:
                return line.split()[1]
        errors = self._read_errors()
        self._close()
        raise AssertionError(f"the server did not start: {errors}")

    def _read_errors(self) -> str:
        self.process.wait(STOP_TIMEOUT_S)
        self._errors.seek(0)
        return self._errors.read()

    def kill(self) -> None:
        """End it at once, with no chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self._close()

    def _close(self) -> None:
        self.process.wait(STOP_TIMEOUT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Ask it to end; return its exit code and what it wrote to standard error."""
        assert self.process.stdout is not None
        self.process.send_signal(number)
        self.text += self.process.stdout.read()  # not `communicate`: lines may be buffered here
        errors = self._read_errors()
        self._close()
        return self.process.returncode, errors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()
