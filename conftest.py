"""Keeps every test out of the user's home, whichever package it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def keep_out_of_the_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give programs another place for what they keep of themselves: an SDK's spool, for one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
