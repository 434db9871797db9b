"""The reading of system calls sees an answer that came before its sync: planted by hand."""

from __future__ import annotations

import pytest

from .tracing import list_unsynced_answers

WRITE = '7 pwrite64(11</x/a.db-wal>, "\\0\\0"..., 4096, 0) = 4096'
OTHER_WRITE = '7 pwrite64(10</x/a.db>, "\\0\\0"..., 4096, 0) = 4096'
SYNC = "7 fdatasync(11</x/a.db-wal>) = 0"
OTHER_SYNC = "7 fdatasync(10</x/a.db>) = 0"
FAILED_SYNC = "7 fdatasync(11</x/a.db-wal>) = -1 EIO (Input/output error) (INJECTED)"
BEGUN_SYNC = "7 fdatasync(11</x/a.db-wal> <unfinished ...>"
ENDED_SYNC = "7 <... fdatasync resumed>) = 0"
FAILED_LATE = "7 <... fdatasync resumed>) = -1 EIO (Input/output error)"
ANSWER = '5 sendto(25<socket:[1]>, "HTTP/1.1 200 OK\\r\\n"..., 535, 0, NULL, 0) = 535'


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        pytest.param([WRITE, SYNC, ANSWER], 0, id="synced"),
        pytest.param([WRITE, BEGUN_SYNC, ENDED_SYNC, ANSWER], 0, id="synced while others run"),
        pytest.param([OTHER_WRITE, ANSWER], 0, id="nothing written to the log"),
        pytest.param([WRITE, ANSWER, SYNC], 1, id="synced afterwards"),
        pytest.param([WRITE, SYNC, WRITE, ANSWER], 1, id="written after the sync"),
        pytest.param([WRITE, OTHER_SYNC, ANSWER], 1, id="another file was synced"),
        pytest.param([WRITE, FAILED_SYNC, ANSWER], 1, id="the sync failed"),
        pytest.param([WRITE, BEGUN_SYNC, ANSWER, ENDED_SYNC], 1, id="the sync was under way"),
        pytest.param([WRITE, BEGUN_SYNC, FAILED_LATE, ANSWER], 1, id="the sync failed late"),
    ],
)
def test_an_answer_before_the_sync_is_seen(lines: list[str], early: int) -> None:
    """Whatever else happens in between."""
    answers, found = list_unsynced_answers(lines, path="a.db-wal")
    assert (answers, len(found)) == (1, early)
