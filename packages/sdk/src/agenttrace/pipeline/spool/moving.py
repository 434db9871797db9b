"""Files of one target that become another's: records that waited before there was a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.pipeline.spool.folder import PrivateFolder, open_folder
from agenttrace.pipeline.spool.losses import LOSS_SUFFIX
from agenttrace.pipeline.spool.segment import SEGMENT_SUFFIX, adopt_segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def move_orphans(root: Path, name: str, to: PrivateFolder) -> None:
    """Move what no process holds of the folder `name` below `root`.

    A file is moved under its lock, and so once, whoever else looks; the notes of what was lost go
    after the files that they are of.

    Raises:
        OSError: of the first file that could not be moved, when the others are.

    """
    above = open_folder(root)
    try:
        source = above.find_child(name)
    finally:
        above.close()
    if source is None:
        return
    faults: list[OSError] = []
    try:
        for entry in source.list():
            if entry.name.endswith(SEGMENT_SUFFIX):
                _try(faults, _move_file, source, entry.name, to)
        left = {entry.name for entry in source.list()}
        for note in left:
            if note.endswith(LOSS_SUFFIX) and note.removesuffix(LOSS_SUFFIX) not in left:
                _try(faults, PrivateFolder.move, source, note, to)
    finally:
        source.close()
    if faults:
        raise faults[0]


def _try(
    faults: list[OSError],
    move: Callable[[PrivateFolder, str, PrivateFolder], None],
    *what: *tuple[PrivateFolder, str, PrivateFolder],
) -> None:
    try:
        move(*what)
    except FileNotFoundError:  # another process was first
        return
    except OSError as error:
        faults.append(error)


def _move_file(source: PrivateFolder, name: str, to: PrivateFolder) -> None:
    segment = adopt_segment(source, name)
    if segment is None:
        return
    try:
        source.move(name, to)
    finally:
        segment.close()
