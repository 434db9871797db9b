"""SciPy and NumPy come with an extra; who has not installed it is told so in one line."""

from __future__ import annotations

from importlib.util import find_spec
from typing import ClassVar

from agenttrace.errors import AgentTraceError


class MissingExtraError(AgentTraceError):
    """A library that an extra of this package brings is not installed; the message names it."""

    exit_code: ClassVar[int] = 2


def require_extra(purpose: str) -> None:
    """Check that SciPy and NumPy are installed. `purpose` begins the message.

    Raises:
        MissingExtraError: when they are not.

    """
    missing = [name for name in ("numpy", "scipy") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{purpose} needs {' and '.join(missing)}: pip install 'agenttrace[diff]'"
        )
