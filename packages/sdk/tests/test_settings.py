"""The settings: their values, their warnings, and the table in the documentation."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from agenttrace.settings import TABLE, Settings, read_settings

ROOT = Path(__file__).parents[3]


def test_an_empty_environment_gives_the_defaults() -> None:
    """What nobody set is what the documentation says."""
    assert read_settings({}) == Settings()


def test_every_setting_is_read() -> None:
    """Each row of the table reaches its field, with its type."""
    assert read_settings(
        {
            "AGENTTRACE_EXPORTER": " jsonl:./t.jsonl ",
            "AGENTTRACE_API_KEY": "key",
            "AGENTTRACE_SERVICE_NAME": "agent",
            "AGENTTRACE_PRICES": "./prices.json",
            "AGENTTRACE_DISABLED": "Yes",
            "AGENTTRACE_PLUGINS": "a, b,",
            "AGENTTRACE_STRICT_PLUGINS": "1",
            "AGENTTRACE_QUEUE_MAX_RECORDS": "7",
            "AGENTTRACE_QUEUE_MAX_BYTES": "2048",
            "AGENTTRACE_PAYLOAD_MAX_BYTES": "4096",
            "AGENTTRACE_SHUTDOWN_TIMEOUT_S": "0.5",
            "AGENTTRACE_SPOOL": "off",
            "AGENTTRACE_SPOOL_FOLDER": "/var/spool/agent",
            "AGENTTRACE_SPOOL_MAX_BYTES": "2097152",
            "AGENTTRACE_SPOOL_MAX_AGE_S": "3600",
            "AGENTTRACE_DURABILITY": "SYNC",
            "AGENTTRACE_SIGNALS": "chain",
            "AGENTTRACE_SAMPLE_RATE": "0.5",
            "AGENTTRACE_TAIL_SAMPLE_RATE": "0.25",
            "AGENTTRACE_TAIL_SLOW_S": "2.5",
            "AGENTTRACE_TAIL_MAX_BYTES": "65536",
            "AGENTTRACE_RESOURCE_ATTRIBUTES": "a=1, b=2",
            "AGENTTRACE_ROUND_TRIP_CHECK": "Never",
            "AGENTTRACE_REDACT": "off",
        }
    ) == Settings(
        exporter="jsonl:./t.jsonl",
        api_key="key",
        service_name="agent",
        prices="./prices.json",
        disabled=True,
        plugins=("a", "b"),
        strict_plugins=True,
        queue_max_records=7,
        queue_max_bytes=2048,
        payload_max_bytes=4096,
        shutdown_timeout_s=0.5,
        spool=False,
        spool_folder="/var/spool/agent",
        spool_max_bytes=2097152,
        spool_max_age_s=3600,
        durability="sync",
        signals="chain",
        sample_rate=0.5,
        tail_sample_rate=0.25,
        tail_slow_s=2.5,
        tail_max_bytes=65536,
        resource_attributes=("a=1", "b=2"),
        round_trip_check="never",
        redact="off",
    )


def test_an_empty_list_of_plugins_is_not_the_same_as_none() -> None:
    """Empty means none but the built-in one; unset means all."""
    assert read_settings({"AGENTTRACE_PLUGINS": ""}).plugins == ()
    assert read_settings({}).plugins is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AGENTTRACE_DISABLED", "maybe", "1 or 0"),
        ("AGENTTRACE_QUEUE_MAX_RECORDS", "ten", "an integer from 1 to 10000000"),
        ("AGENTTRACE_QUEUE_MAX_RECORDS", "0", "an integer from 1 to 10000000"),
        ("AGENTTRACE_QUEUE_MAX_RECORDS", "-5", "an integer from 1 to 10000000"),
        ("AGENTTRACE_QUEUE_MAX_RECORDS", "9" * 5000, "an integer from 1 to 10000000"),
        ("AGENTTRACE_QUEUE_MAX_BYTES", "64MiB", "an integer from 1024 to 68719476736"),
        ("AGENTTRACE_PAYLOAD_MAX_BYTES", "5000000", "an integer from 1024 to 4194304"),
        ("AGENTTRACE_SHUTDOWN_TIMEOUT_S", "nan", "a number from 0 to 3600"),
        ("AGENTTRACE_SHUTDOWN_TIMEOUT_S", "soon", "a number from 0 to 3600"),
        ("AGENTTRACE_DURABILITY", "very", "one of buffered, sync"),
        ("AGENTTRACE_SIGNALS", "", "one of auto, chain, off"),
        ("AGENTTRACE_ROUND_TRIP_CHECK", "often", "one of always, sampled, never"),
    ],
    ids=lambda value: value[:40],
)
def test_a_bad_value_is_one_warning_and_the_default(
    name: str, value: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A recorder must not stop its host; the warning names the variable and what it should be."""
    with caplog.at_level(logging.WARNING, "agenttrace"):
        assert read_settings({name: value}) == Settings()
    (default,) = [row.default for row in TABLE if row.name == name]
    assert [record.getMessage() for record in caplog.records] == [
        f"{name} is {value!r}; expected {expected}. Using {default}."
    ]


def test_the_table_and_the_fields_are_the_same() -> None:
    """No setting without a row, no row without a setting, and each default is the field's."""
    assert [row.field for row in TABLE] == [
        "exporter",
        "api_key",
        "service_name",
        "prices",
        "disabled",
        "plugins",
        "strict_plugins",
        "trace_plugins",
        "queue_max_records",
        "queue_max_bytes",
        "payload_max_bytes",
        "shutdown_timeout_s",
        "spool",
        "spool_folder",
        "spool_max_bytes",
        "spool_max_age_s",
        "durability",
        "signals",
        "sample_rate",
        "tail_sample_rate",
        "tail_slow_s",
        "tail_max_bytes",
        "resource_attributes",
        "round_trip_check",
        "redact",
    ]
    assert {row.field for row in TABLE} == set(Settings._fields)
    for row in TABLE:
        assert row.name == f"AGENTTRACE_{row.field.upper()}"
        value = getattr(Settings(), row.field)
        if row.kind.startswith(("integer", "number")):
            assert float(row.default) == value
        elif row.kind == "boolean":
            assert row.default == str(int(value))
        else:
            assert value in {None, row.default}


def test_the_documentation_holds_the_table() -> None:
    """docs/settings.md says of each setting what the code does."""
    text = (ROOT / "docs" / "settings.md").read_text()
    (section,) = re.findall(r"^## SDK\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{row.name}` | {row.kind} | {row.unit} | {row.default} | {row.meaning} |"
        for row in TABLE
    ]
