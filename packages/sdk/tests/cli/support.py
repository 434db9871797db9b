"""Running the real command as users do: a process and its pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from .conftest import Done

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.startswith("AGENTTRACE_")
} | {"AGENTTRACE_PLUGINS": "", "TZ": "UTC", "TERM": "xterm-256color"}
ENVIRONMENT.pop("NO_COLOR", None)
ENVIRONMENT.pop("FORCE_COLOR", None)
COMMAND = [sys.executable, "-m", "agenttrace"]


def run_process(*args: str | Path, cwd: Path, stdin: bytes = b"", **variables: str) -> Done:
    """Run `agenttrace` in a folder, its output piped."""
    done = subprocess.run(
        [*COMMAND, *map(str, args)],
        cwd=cwd,
        env={**ENVIRONMENT, **variables},
        input=stdin,
        capture_output=True,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
