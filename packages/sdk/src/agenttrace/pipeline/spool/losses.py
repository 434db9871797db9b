"""Which runs lost records when a file was dropped to keep the limits, written down beside it.

    <name of the file>.lost1    {"reason": …, "runs": {<run id>: [how many, is it a gap]}}

The note is written before the file is removed, and counts only once the file is gone: a process
that dies between the two has neither lost a count nor told of records that are sent after all.
Every process of the target reads the notes, as any of them may send what is left of a run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.drops import RunDrops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.pipeline.spool.folder import Entry, PrivateFolder

LOSS_SUFFIX: Final = ".lost1"
MAX_NOTES: Final = 256
"""The oldest go first; a note has at most 1,000 runs, and 64 KiB."""
_MAX_NOTE_BYTES: Final = 256 * 1024


class Losses:
    """Adds to `drops` what files of one target took with them, each file once."""

    def __init__(self, drops: RunDrops) -> None:
        self._drops = drops
        self._known: set[str] = set()

    def save(self, folder: PrivateFolder, file_name: str, lost: RunDrops, reason: str) -> None:
        """Count what the file takes with it, and write it down; raises OSError."""
        name = file_name + LOSS_SUFFIX
        self._known.add(name)
        self._drops.add_all(lost)
        folder.remove(name)  # of a process that died before it was done with the note
        folder.append_file(name, _write(lost, reason))

    def remove(self, folder: PrivateFolder, file_name: str) -> None:
        """Take back the note of a file whose records were sent after all."""
        folder.remove(file_name + LOSS_SUFFIX)

    def load(self, folder: PrivateFolder, entries: Sequence[Entry], *, before_s: float) -> None:
        """Count what other processes wrote down; remove what is too old, in seconds, or too much.

        `entries` are the files of the folder by their names, and so by their age. Raises OSError.
        """
        names = {entry.name for entry in entries}
        notes = [entry for entry in entries if entry.name.endswith(LOSS_SUFFIX)]
        for place, entry in enumerate(notes, MAX_NOTES - len(notes)):
            if place < 0 or entry.changed_s < before_s:
                folder.remove(entry.name)
            elif entry.name not in self._known and entry.name[: -len(LOSS_SUFFIX)] not in names:
                self._known.add(entry.name)
                self._drops.add_all(_read(folder, entry.name))
        self._known.intersection_update(names)


def _write(lost: RunDrops, reason: str) -> bytes:
    import json  # noqa: PLC0415 -- most programs lose nothing

    runs = {
        run_id: [loss.counts.get(reason, 0), loss.is_gap] for run_id, loss in lost.list().items()
    }
    return json.dumps({"reason": reason, "runs": runs}).encode()


def _read(folder: PrivateFolder, name: str) -> RunDrops:
    """Return what a note says; nothing where it cannot be read."""
    import json  # noqa: PLC0415 -- as in _write

    lost = RunDrops()
    try:
        fd = folder.open_file(name)
    except FileNotFoundError:  # removed meanwhile
        return lost
    try:
        said = json.loads(os.pread(fd, _MAX_NOTE_BYTES, 0))
        for run_id, (count, is_gap) in said["runs"].items():
            lost.note(run_id, str(said["reason"]), is_gap=bool(is_gap), count=int(count))
    except (ValueError, LookupError, TypeError, AttributeError):
        return RunDrops()  # a power cut left a part of it
    finally:
        os.close(fd)
    return lost
