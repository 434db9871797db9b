"""The command within the test's own process: for what no process of its own is needed."""

from __future__ import annotations

import io
import os
import pty
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from agenttrace.cli.main import main

from .support import Done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Give a function that runs `agenttrace` in a folder, as a process would, but sooner."""

    def call(*args: str, cwd: Path, stdin: bytes = b"", **variables: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            code = _call(patch, args, cwd, variables)
        return Done(code, *capfd.readouterr())

    return call


@pytest.fixture
def run_in_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Give a function that runs `agenttrace` in a terminal, and returns what it wrote there."""

    def call(*args: str, cwd: Path, columns: int, **variables: str) -> str:
        leader, follower = pty.openpty()
        written = bytearray()
        reader = threading.Thread(target=_read_all, args=(leader, written))
        reader.start()
        try:
            with monkeypatch.context() as patch, os.fdopen(follower, "w", encoding="utf-8") as file:
                patch.setattr(sys, "stdout", file)
                settings = {"TERM": "xterm-256color", "COLUMNS": str(columns), **variables}
                assert _call(patch, args, cwd, settings) == 0
        finally:
            reader.join(timeout=10)
            os.close(leader)
        return written.decode()

    return call


def _call(
    patch: pytest.MonkeyPatch, args: tuple[str, ...], cwd: Path, variables: dict[str, str]
) -> int:
    for name in list(os.environ):
        if name.startswith("AGENTTRACE_") or name in {"NO_COLOR", "FORCE_COLOR"}:
            patch.delenv(name)
    for name, value in {"AGENTTRACE_PLUGINS": "", "TZ": "UTC", **variables}.items():
        patch.setenv(name, value)
    patch.chdir(cwd)
    with pytest.raises(SystemExit) as ended:
        main(list(args))
    return int(ended.value.code or 0)


def _read_all(descriptor: int, written: bytearray) -> None:
    try:
        while data := os.read(descriptor, 65536):
            written.extend(data)
    except OSError:  # the other end is closed
        pass
