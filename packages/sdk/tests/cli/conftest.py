"""The command as a user runs it, and an installed plugin with commands."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

import pytest

from agenttrace.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROOT_ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.startswith("AGENTTRACE_")
}


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def run(*args: str, site: Path | None = None, **variables: str) -> Done:
    """Run `agenttrace` as a user does, with the plugins under `site` installed."""
    environment = {**ROOT_ENVIRONMENT, "COLUMNS": "100", **variables}
    if site is not None:
        paths = [str(site), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, "-m", "agenttrace", *args],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with an installed plugin of four commands, two of them broken."""
    (tmp_path / "greet_hooks.py").write_text(
        "from agenttrace.plugins import CommandSpec, hookimpl\n"
        "@hookimpl\n"
        "def agenttrace_cli():\n"
        "    yield CommandSpec(name='greet', summary='Say hello.', target='greet_code:greet')\n"
        "    yield CommandSpec(name='group', summary='Several.', target='greet_code:app')\n"
        "    yield CommandSpec(name='broken', summary='Never.', target='greet_code:nothing')\n"
        "    yield CommandSpec(name='absent', summary='Never.', target='no_such_module:x')\n"
    )
    (tmp_path / "greet_code.py").write_text(
        "import sys, typer\n"
        "print('imported', file=sys.stderr)\n"
        "def greet(name: str, loud: bool = False) -> None:\n"
        "    '''Say hello to NAME.'''\n"
        "    print('HELLO' if loud else 'hello', name)\n"
        "    if name == 'nobody': raise typer.Exit(3)\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def one() -> None:\n"
        "    print('one')\n"
        "@app.command()\n"
        "def two() -> None:\n"
        "    print('two')\n"
    )
    info = tmp_path / "greet-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: greet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[agenttrace]\ngreet = greet_hooks\n")
    return tmp_path


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Give a function that runs `agenttrace` in a folder, as a process would, but sooner."""

    def call(*args: str, cwd: Path, stdin: bytes = b"", **variables: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            code = _call(patch, args, cwd, variables)
        return Done(code, *capfd.readouterr())

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
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
