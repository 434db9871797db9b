"""The wake-up call."""

from __future__ import annotations

import asyncio

from agenttrace_server.live.bus import EVERY_RUN, Bus


async def test_a_bell_rings_for_its_run_and_for_everyone() -> None:
    """A commit wakes those who wait for its runs, and those who wait for any."""
    bus = Bus()
    with bus.listen("a") as a, bus.listen("b") as b, bus.listen(EVERY_RUN) as every:
        bus.ring(["a", "c"])
        assert [bell.is_set() for bell in (a, b, every)] == [True, False, True]


async def test_a_ring_between_looking_and_waiting_is_heard() -> None:
    """Clear, look, wait: what is committed after the look still wakes."""
    bus = Bus()
    with bus.listen("a") as bell:
        bell.clear()
        bus.ring(["a"])
        await bell.wait()


async def test_who_leaves_is_forgotten() -> None:
    """Nothing stays of a listener."""
    bus = Bus()
    with bus.listen("a"), bus.listen("a"):
        assert bus.count_listeners() == 2
    assert bus.count_listeners() == 0
    bus.ring(["a"])


async def test_ringing_for_all_wakes_everyone() -> None:
    """Whoever waits, for whatever run, looks again."""
    bus = Bus()
    with bus.listen("a") as a, bus.listen("b") as b, bus.listen(EVERY_RUN) as every:
        bus.ring_all()
        assert [bell.is_set() for bell in (a, b, every)] == [True, True, True]


async def test_who_waits_for_listeners_sleeps_while_there_are_none() -> None:
    """It returns with the first one, and waits again once the last one has left."""
    bus = Bus()
    waiting = asyncio.create_task(bus.wait_for_listeners())
    with bus.listen("a"), bus.listen("b"):
        await waiting
    again = asyncio.create_task(bus.wait_for_listeners())
    await asyncio.wait([again], timeout=0)
    assert not again.done()
    again.cancel()
