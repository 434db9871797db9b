"""Refuse what must not be committed: a package registry's address, or a path of one machine.

The locks carry hashes and no addresses, so that an install works with whatever index its user has.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Spelled in pieces: this file is checked as well.
_HOSTS: Final = (
    ("py", "pi.org"),
    ("python", "hosted.org"),
    ("registry.npm", "js.org"),
    ("registry.yarn", "pkg.com"),
    ("deb.deb", "ian.org"),
)
_HOST: Final = re.compile("|".join(re.escape("".join(parts)) for parts in _HOSTS), re.IGNORECASE)
# A file in a home folder or in a checkout of this one machine.
_MACHINE_PATH: Final = re.compile(
    r"(?<![\w./~-])/(?:root|work|farm|home/[a-z][\w-]*|Users/[A-Za-z][\w-]*)/[\w.-]+"
)


def list_tracked(root: Path) -> list[Path]:
    """Return the files that git tracks or would add, below `root`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return [root / name for name in listed.stdout.split("\0") if name]


def find_addresses(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, what stands there) for each address in a text file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return  # a picture or the like, or a file deleted but not yet staged
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern in (_HOST, _MACHINE_PATH):
            if found := pattern.search(line):
                yield number, found[0]


def main(root: Path) -> int:
    """Print each finding as `file:line: what`; return 1 if there is one."""
    found = False
    for path in list_tracked(root):
        for number, what in find_addresses(path):
            found = True
            where = f"{path.relative_to(root)}:{number}"
            print(f"{where}: {what} must not be committed", file=sys.stderr)
    return int(found)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[1]))
