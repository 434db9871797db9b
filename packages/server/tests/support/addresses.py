"""Addresses of this machine."""

from __future__ import annotations

import socket
from contextlib import suppress


def find_own_addresses() -> list[tuple[str, str]]:
    """Return this machine's addresses beyond loopback, each with a loopback one of its family."""
    found = []
    for family, far, loopback in (
        (socket.AF_INET, "198.51.100.1", "127.0.0.1"),
        (socket.AF_INET6, "2001:db8::1", "::1"),
    ):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((far, 9))  # sends nothing: it is the system's choice that is asked for
            found.append((str(asking.getsockname()[0]), loopback))
    return found
