"""A fork while another thread is about to send: the child sends over a client of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

# Forks in the moment in which a thread makes the process's first SSL context, as any client does.
_FORK = """
import os, signal, sys, threading
from agenttrace.exporters.exchange import Exchange, ExchangeError

def send():
    try:
        Exchange(sys.argv[1], headers={}).post(b"", {})
    except ExchangeError:
        pass  # nobody listens there: it came as far as the network

def watch(frame, event, _):
    if event == "call" and frame.f_code.co_qualname == "SSLContext.__new__":
        has_begun.set()

has_begun = threading.Event()
threading.setprofile(watch)
sender = threading.Thread(target=send)
sender.start()
assert has_begun.wait(30)
child = os.fork()
if child == 0:
    signal.alarm(5)
    send()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_is_not_kept_by_what_a_thread_of_its_parent_held() -> None:
    """OpenSSL's locks are not renewed by a fork: a child that needs one would wait without end."""
    with socket.socket() as taken:  # bound, and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/ingest"
        for _ in range(5):
            done = subprocess.run(
                [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORK, url],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            assert (done.stdout.strip(), done.stderr) == ("0", "")
