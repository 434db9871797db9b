"""PostgreSQL's own ends: killed, stopped as by a power cut, holding a lock."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from packages.sdk.tests.faults.harness import wait_until

from .kills import wait_a_moment

if TYPE_CHECKING:
    from random import Random

    from packages.sdk.tests.faults.judge import Verdict

    from ...support.postgres import PostgresServer
    from ..harness import Stage

RECOVERY_S: Final = 5.0
"""How soon after the database is back the server takes records again."""


def database_kill(stage: Stage, choose: Random, faults: int) -> Verdict:
    """The database is killed, now its first process, now all at once, and started again.

    The server stays, answers 503 meanwhile, and goes on within 5 s.
    """
    postgres = stage.postgres
    assert postgres is not None, "this is about PostgreSQL"
    server = stage.start()
    stage.load.start()
    for number in range(faults):
        wait_a_moment(stage, choose)
        if number % 2:
            postgres.kill()
        else:
            postgres.stop("immediate")
        stage.load.wait_for_outcomes(1, "503")
        start_again(postgres)
        took_s = stage.wait_until_taken()
        stage.recovery_s = max(stage.recovery_s, took_s)
        if took_s > RECOVERY_S:
            stage.complaints.append(
                f"records were taken {took_s:.1f} s after the database was back"
            )
        if server.has_ended:
            stage.complaints.append("the server has ended")
    return stage.finish()


def start_again(postgres: PostgresServer) -> None:
    """Start it; what is left of a killed one may need a moment to go."""

    def try_it() -> bool:
        try:
            postgres.start()
        except subprocess.CalledProcessError:
            return False
        return True

    wait_until(try_it, what="PostgreSQL starts again")
