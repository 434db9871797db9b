"""Names that people give: of projects and keys, as others will read them."""

from __future__ import annotations

import unicodedata
from typing import Final

from agenttrace_server.errors import RefusedError

_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})


def has_unseen(text: str) -> bool:
    """Tell whether a text has what is not seen, or turns what follows around: not all it says."""
    return any(unicodedata.category(char) in _UNSEEN for char in text)


def check_name(name: str, *, max_chars: int) -> None:
    """Go on only with a name that is one to whoever reads it.

    Raises:
        RefusedError: it is empty, too long, or has characters that are not seen.

    """
    if not name.strip() or len(name) > max_chars:
        raise RefusedError("name", "invalid", f"a name has 1 to {max_chars} characters")
    if has_unseen(name):
        text = "the name has characters that are not seen, such as a new line; type it anew"
        raise RefusedError("name", "invalid", text)
