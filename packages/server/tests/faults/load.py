"""Clients at work: each sends a batch until it is acknowledged, then the next."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from random import Random
from typing import TYPE_CHECKING, Final

from packages.sdk.tests.faults.harness import Hang
from packages.sdk.tests.faults.side_file import SideFile

from .courier import Courier
from .workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

    from .courier import Outcome
    from .workload import Batch, Sums

CLIENTS: Final = 4
TIMEOUT_S: Final = 10.0
"""When a client takes a request for lost, as the recorder does."""
GIVE_UP_S: Final = 60.0
MAX_PAUSE_S: Final = 0.05
"""Shorter than a recorder's pause, so that more happens in the same time."""
PASSING: Final = frozenset({"refused", "cut", "late", "408", "425", "429", "502", "503", "504"})
"""What the recorder answers by sending again, as long as it takes."""
_REPEATS: Final = 0.1


class Load:
    """Several clients, each with a run of its own; some requests are sent twice, by two of them.

    `outcomes` counts the requests by what they came to; `complaints` are of what no client may see.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        seed: int,
        clients: int = CLIENTS,
        timeout_s: float = TIMEOUT_S,
        is_bulk: bool = False,
    ) -> None:
        self._is_bulk = is_bulk
        self._url = url
        self._timeout_s = timeout_s
        self._folder = folder
        self._is_stopping = threading.Event()
        self._gate = threading.Event()
        self._gate.set()
        self._is_abandoned = False
        self._news = threading.Condition()
        self._held = 0
        self._echoes: deque[bytes] = deque(maxlen=2 * clients)
        self.acknowledged = 0
        self.outcomes: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.expected: dict[str, Sums] = {}
        self.waiting: dict[int, Batch] = {}
        self._threads = [
            threading.Thread(target=self._work, args=(number, Random(f"{seed}.{number}")))
            for number in range(clients)
        ]

    def lead_through(self, port: int) -> None:
        """Send to another port of this machine; before the start."""
        self._url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Let the clients begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client bring its last batch home, and wait for that."""
        self._is_stopping.set()
        self._gate.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def abandon(self) -> None:
        """Let the clients leave at once, whatever they still have."""
        self._is_abandoned = True
        self.stop()

    def hold(self) -> None:
        """Let no client begin another request until `resume`."""
        self._gate.clear()

    def resume(self) -> None:
        """Let them go on."""
        self._gate.set()

    def wait_for(self, count: int, *, timeout_s: float = GIVE_UP_S) -> None:
        """Wait until so many records more were acknowledged; raises `Hang`."""
        with self._news:
            goal = self.acknowledged + count
            if not self._news.wait_for(lambda: self.acknowledged >= goal, timeout_s):
                raise Hang(f"{self.acknowledged} of {goal} acknowledged; {dict(self.outcomes)}")

    def wait_for_outcomes(self, count: int, *words: str, timeout_s: float = GIVE_UP_S) -> None:
        """Wait until so many requests more came to one of these; raises `Hang`."""
        with self._news:
            goal = sum(self.outcomes[word] for word in words) + count

            def is_there() -> bool:
                return sum(self.outcomes[word] for word in words) >= goal

            if not self._news.wait_for(is_there, timeout_s):
                raise Hang(f"no {count} requests came to {words}: {dict(self.outcomes)}")

    def wait_for_hold(self, *, timeout_s: float = GIVE_UP_S) -> None:
        """Wait until every client has taken notice of `hold`; raises `Hang`."""
        with self._news:
            if not self._news.wait_for(lambda: self._held == len(self._threads), timeout_s):
                raise Hang(f"{self._held} of {len(self._threads)} clients hold")

    def _work(self, number: int, choose: Random) -> None:
        file = SideFile(self._folder, f"client{number}")
        workload = Workload(file.actor, choose, is_bulk=self._is_bulk)
        courier = Courier(self._url, timeout_s=self._timeout_s)
        try:
            while not self._is_stopping.is_set():
                if self._echoes and choose.random() < _REPEATS:
                    self._repeat(courier)
                batch = workload.make_batch()
                file.attempt(batch.entries)
                if choose.random() < _REPEATS:
                    self._echoes.append(batch.body)
                self.waiting[number] = batch
                if not self._deliver(courier, batch):
                    for entry in batch.entries:
                        file.take_return(entry.token, entry.phases)
                    return
                file.settle()
                del self.waiting[number]
                with self._news:
                    self.acknowledged += batch.records
                    self._news.notify_all()
        except Exception as error:  # noqa: BLE001 -- a thread's errors are seen by nobody
            self.complaints.append(f"client {number} failed: {error!r}")
        finally:
            self.expected.update(workload.expected)
            courier.close()

    def _repeat(self, courier: Courier) -> None:
        """Send once more what some client sent or is sending."""
        try:
            body = self._echoes.popleft()
        except IndexError:
            return
        outcome = self._post(courier, body)
        if outcome.word not in PASSING and (outcome.word != "200" or outcome.text):
            self.complaints.append(f"a repeated batch came to {outcome}")

    def _deliver(self, courier: Courier, batch: Batch) -> bool:
        """Send a batch until it is acknowledged; False when it never will be."""
        give_up_s = time.monotonic() + GIVE_UP_S
        pause = threading.Event()
        while True:
            outcome = self._post(courier, batch.body)
            if outcome.word == "200" and outcome.accepted == batch.records:
                return True
            if self._is_abandoned:
                return False
            if outcome.word not in PASSING:
                self.complaints.append(f"a batch of {batch.records} came to {outcome}")
                return False
            if time.monotonic() > give_up_s:
                self.complaints.append(f"a batch was not taken in {GIVE_UP_S:g} s: {outcome}")
                return False
            pause.wait(min(MAX_PAUSE_S, outcome.retry_after_s or MAX_PAUSE_S))

    def _post(self, courier: Courier, body: bytes) -> Outcome:
        if not self._gate.is_set():
            with self._news:
                self._held += 1
                self._news.notify_all()
            self._gate.wait()
            with self._news:
                self._held -= 1
        outcome = courier.post(body)
        with self._news:
            self.outcomes[outcome.word] += 1
            self._news.notify_all()
        return outcome
