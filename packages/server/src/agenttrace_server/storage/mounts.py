"""On what kind of file system a file is, where the system says so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mounts")
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_ESCAPES: Final = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def is_in_memory(path: Path) -> bool:
    """Tell whether a restart of the machine deletes a file. False where the system does not say."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        place = path.resolve()
    except OSError:
        return False
    kinds = {Path(_unescape(line.split()[1])): line.split()[2] for line in lines}
    nearest = next((kinds[each] for each in (place, *place.parents) if each in kinds), "")
    return nearest in _IN_MEMORY


def _unescape(text: str) -> str:
    for code, character in _ESCAPES.items():
        text = text.replace(code, character)
    return text
