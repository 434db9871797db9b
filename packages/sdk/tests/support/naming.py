"""Names of a test's values that every process gives alike: tests run in several at once."""

from __future__ import annotations

import re


def name_value(value: object) -> str:
    """Return a short name: no address in it, and no order that depends on hashes."""
    if isinstance(value, frozenset | set):
        return f"{type(value).__name__} of {sorted(map(repr, value))}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))[:40]
