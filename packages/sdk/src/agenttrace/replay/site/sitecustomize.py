"""Found by Python at its start in the programs that `agenttrace replay` runs.

It begins the replay, or the recording, that the environment asks for, and then does what the
`sitecustomize` of the installation does, which it hides.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

_HERE = str(Path(__file__).parent)


def _begin() -> None:
    try:
        from agenttrace.replay.activation import activate  # noqa: PLC0415 -- may not be installed
    except ImportError as error:
        sys.stderr.write(f"agenttrace: this Python has no agenttrace to replay with: {error}\n")
        return
    activate()


def _go_on() -> None:
    """Import the installation's own, which stands further down the path."""
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    own = sys.modules.pop("sitecustomize", None)
    with suppress(ImportError):
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401, PLC0415 -- another one
    if own is not None:
        sys.modules.setdefault("sitecustomize", own)


_begin()
_go_on()
