"""`docs/operations.md` is true of the code: its figures, settings, commands and limits."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from agenttrace_server import serving
from agenttrace_server.http import bodies
from agenttrace_server.operators import keys, users
from agenttrace_server.recovery import password
from agenttrace_server.services import deletion, leases, retention
from agenttrace_server.settings import Settings
from agenttrace_server.storage import deletion as steps
from agenttrace_server.storage import sqlite
from agenttrace_server.storage.damage import MAX_CHECK_S
from agenttrace_server.upkeep import backup, migrate, restore

from .support.thread import ServerThread

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_every_figure_is_described_and_there(shared_server: ServerThread) -> None:
    """The table has those that the server gives, no other, and their kinds."""
    given = {}
    answer = httpx.get(f"{shared_server.url}/metrics")
    for family in text_string_to_metric_families(answer.text):
        end = "_total" if family.type == "counter" else ""
        given[family.name.removeprefix("agenttrace_") + end] = family.type
    rows = re.findall(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|", TEXT, re.MULTILINE)
    assert dict(rows) == given
    used = re.findall(r"agenttrace_([a-z_]+?)(?:[{\[ ]|$)", TEXT, re.MULTILINE)
    assert used
    assert {name for name in used if name not in given} <= {"server"}


def test_every_setting_that_is_named_is_one() -> None:
    """In the text, the unit's environment and the refusals."""
    known = {name.upper() for name in Settings.model_fields} | {"SECRET_KEY"}
    python = {"PYTHONDEVMODE", "PYTHONASYNCIODEBUG"}
    named = {*re.findall(r"\b([A-Z]+_[A-Z_]+)\b", TEXT)} - {"AGENTTRACE_"}
    recorders = set(re.findall(r"^\| `(AGENTTRACE_[A-Z_]+)`", SETTINGS, re.MULTILINE))
    assert named <= known | python | recorders
    assert {"MAX_TRACE_RETENTION_DAYS", "ALLOWED_HOSTS", "LOG_FORMAT"} <= named


def test_every_command_that_is_named_is_one() -> None:
    """`agenttrace-server …` as it is typed, those within others too."""
    known = {each.__name__ for each in (backup, restore, migrate, password)} | {"serve"}
    groups = {"users": users, "keys": keys}
    assert {*re.findall(r"agenttrace-server ([a-z]+)", TEXT)} == known | {*groups}
    for name, group in groups.items():
        within = {str(each.name) for each in group.registered_commands}
        assert {*re.findall(rf"agenttrace-server {name} ([a-z]+)", TEXT)} == within


def test_the_limits_are_those_of_the_code() -> None:
    """Each number of the text beside the constant that it is of."""
    assert serving.STOP_TIMEOUT_S == 10
    assert bodies.MAX_WIRE_BYTES == 16 * 1024 * 1024
    assert (deletion.MAX_OLD_RUNS, deletion.ERASE_EVERY_S) == (100, 3_600)
    assert (retention.LOOK_EVERY_S, retention.MAX_CLOCK_DRIFT_S) == (3_600, 60)
    assert steps.KEPT_FREE_PAGES * sqlite.PAGE_BYTES == 8 * 1024 * 1024
    assert (leases.LEASE_S, MAX_CHECK_S, sqlite.BUSY_TIMEOUT_MS) == (60, 1, 5_000)
