"""Redaction: secrets are not found in what is written, and clean values stay as they are."""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace import ConfigurationError
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.redaction import Redactor, make_redactor

from .corpus import make_clean, plant

LIMIT = 2**20
SEED = 20260101


def write(value: object, redactor: Redactor | None = None) -> tuple[bytes, str]:
    """Return all that a payload holds, as text, and its fidelity."""
    policy = Policy(redactor=Redactor() if redactor is None else redactor)
    encoded = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT, policy=policy)
    return encoded.text + (encoded.types or b""), encoded.fidelity


def test_no_planted_secret_is_found() -> None:
    """In arguments, messages, nested JSON texts, keys, bytes, headers, URLs, settings."""
    from base64 import b64decode

    planted = plant(random.Random(SEED))
    assert len(planted) >= 200
    redactor = Redactor()
    found = []
    for secret, value in planted:
        text, fidelity = write(value, redactor)
        shown = text.decode()
        if '{"$bytes"' in shown:
            shown = b64decode(json.loads(text[: text.index(b"}") + 1])["$bytes"]).decode()
        if secret in shown or fidelity != "redacted":
            found.append((secret, value, shown))
    assert found == []


def test_clean_values_stay_as_they_are() -> None:
    """At most one in a hundred is changed, of 5,000 made of the words that secrets go by."""
    values = make_clean(random.Random(SEED))
    redactor = Redactor()
    changed = [value for value in values if write(value, redactor)[1] == "redacted"]
    assert len(values) == 5_000
    assert len(changed) <= 50, changed[:20]


def test_the_mark_says_which_rule_it_was() -> None:
    """What is around a secret stays readable."""
    value = {
        "headers": {"Authorization": "x", "Accept": "*/*"},
        "text": "use Bearer abcdefgh12345678 please",
        "url": "https://me:pass@host/path",
    }
    text, fidelity = write(value)
    assert json.loads(text) == {
        "headers": {"Authorization": "[redacted:authorization]", "Accept": "*/*"},
        "text": "use Bearer [redacted:bearer] please",
        "url": "https://[redacted:url]@host/path",
    }
    assert fidelity == "redacted"


def test_secrets_are_taken_out_before_the_hash() -> None:
    """Two calls that differ by their keys alone have one hash, recorded and replayed alike."""
    policy = Policy(redactor=Redactor())

    def hash_value(value: Any) -> str | None:
        snapshot = take_snapshot(value, max_bytes=LIMIT)
        return encode(snapshot, max_bytes=LIMIT, with_hash=True, policy=policy).hash

    first, second = ({"q": "a", "api_key": key} for key in ("one", "two"))
    assert hash_value(first) == hash_value(second) is not None
    assert hash_value((first,)) == hash_value((second,)) != hash_value((1,))
    assert hash_value(first) != hash_value({"q": "b", "api_key": "one"})


def test_a_very_large_value_is_redacted_too() -> None:
    """What is cut to a preview on the caller's thread goes through the rules before it is sent."""
    value = "Bearer abcdefgh12345678 " + "x" * 20_000_000
    text, fidelity = write(value)
    assert b"abcdefgh12345678" not in text
    assert b"[redacted:bearer]" in text
    assert fidelity == "truncated"


@pytest.mark.parametrize(
    "found",
    [
        {"headers": [("X-Api-Key", "hunter2Zq9")]},
        {"password": ["hunter2Zq9", "other"]},
        {"password": {"user": "a", "value": "hunter2Zq9"}},
        {"secret": b"hunter2Zq9"},
        {"customer_id": "hunter2Zq9"},
        [{"customer_id": "hunter2Zq9"}],
    ],
)
def test_a_very_large_value_is_redacted_by_the_names_in_it(found: Any) -> None:
    """The preview is the beginning of a JSON text, and is read as the data that it shows."""
    value = {"found": found, "rest": "x" * 20_000_000}
    text, fidelity = write(value, Redactor(keys=["customer_id"]))
    assert b"hunter2Zq9" not in text
    assert b64encode(b"hunter2Zq9") not in text
    assert b"xxxxx" in text
    assert len(text) <= LIMIT
    assert fidelity == "truncated"


def test_a_very_large_value_is_shown_to_a_users_function() -> None:
    """Name by name, as any other."""
    value = [{"age": 4242}] * 30 + ["x" * 20_000_000]
    text, _ = write(value, Redactor(rules=[lambda key, each: 0 if key == "age" else each]))
    assert b"4242" not in text


@pytest.mark.parametrize("key", ["customer_id", "CustomerId", "CUSTOMER-ID", "customerid"])
def test_a_user_names_more_keys(key: str) -> None:
    """Whatever their case and separators; the built-in rules stay."""
    redactor = Redactor(keys=["customer id"])
    text, _ = write({key: "c-1", "password": "p-1"}, redactor)
    assert json.loads(text) == {key: "[redacted:key]", "password": "[redacted:password]"}


def test_a_user_gives_more_patterns() -> None:
    """They hold in texts, keys and bytes alike."""
    redactor = Redactor(patterns=[r"ACME-\d{6}"])
    for value in ("id ACME-123456", {"x": ["ACME-123456"]}, ("ACME-123456",)):
        assert b"123456" not in write(value, redactor)[0]
    with pytest.raises(ConfigurationError, match="no regular expression"):
        Redactor(patterns=["("])


def test_a_user_gives_a_function() -> None:
    """It is asked for each text and number, with the name under which it stands."""
    asked: list[tuple[str | None, Any]] = []

    def hide(key: str | None, value: Any) -> Any:
        asked.append((key, value))
        return 0 if key == "age" else value

    text, fidelity = write(
        {"age": 40, "names": ["a"], "deep": (1, {"age": 41})}, Redactor(rules=[hide])
    )
    assert json.loads(text[: text.index(b'{"/')] if b'{"/' in text else text)["age"] == 0
    assert b"41" not in text
    assert fidelity == "redacted"
    assert ("names", "a") in asked


@pytest.mark.parametrize("error", [ValueError, SystemExit, RecursionError])
def test_a_function_that_fails_costs_the_value(error: type[BaseException]) -> None:
    """Never the raw one in its place; the failure is told."""
    told: list[BaseException] = []

    def fail(key: str | None, value: Any) -> Any:
        raise error

    redactor = Redactor(rules=[fail])
    redactor.note_failure = told.append
    text, _ = write({"a": "plain text", "n": 17}, redactor)
    assert json.loads(text) == {"a": "[redacted:failed]", "n": "[redacted:failed]"}
    assert len(told) == 2


def test_a_function_that_answers_no_scalar_costs_the_value() -> None:
    """What it returns is written as it is, so it has to be plain."""
    text, _ = write({"a": "plain text"}, Redactor(rules=[lambda _key, value: [value]]))
    assert json.loads(text) == {"a": "[redacted:failed]"}


@pytest.mark.parametrize("setting", ["off", "OFF", "0", "false"])
def test_redaction_can_be_off(setting: str) -> None:
    """By the setting; a function that the program gives is asked all the same."""
    assert make_redactor(setting, None) is None
    redactor = make_redactor(setting, lambda _key, value: value)
    assert redactor is not None
    assert redactor.redact({"password": "p"}) == {"password": "p"}


def test_the_setting_names_keys_and_patterns() -> None:
    """Names and patterns between slashes, with commas between them; a comma may be in a pattern."""
    redactor = make_redactor(r"customer_id, /ACME-\d{3,6}/ ,ssn", None)
    assert redactor is not None
    assert redactor.redact({"customerId": "x", "ssn": "y", "t": "ACME-1234", "token": "z"}) == {
        "customerId": "[redacted:key]",
        "ssn": "[redacted:key]",
        "t": "[redacted:pattern]",
        "token": "[redacted:token]",
    }


@pytest.mark.parametrize("setting", ["/(/", "a,,b", "a;b", "/open", ","])
def test_a_setting_that_cannot_be_read_means_on(
    setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning; never less than the built-in rules."""
    redactor = make_redactor(setting, None)
    assert redactor is not None
    assert redactor.redact({"password": "p"}) == {"password": "[redacted:password]"}
    assert len(caplog.records) == 1
    assert re.search(r"AGENTTRACE_REDACT: (cannot read|redaction pattern) '", caplog.text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(
    JSON, st.sampled_from(plant(random.Random(1))), st.text(alphabet=" \n\t\"'\\é{[,:", max_size=5)
)
def test_the_quick_look_misses_nothing(value: Any, planted: Any, around: str) -> None:
    """What the rules would change, the look at the whole text suspects, however it is escaped."""
    redactor = Redactor()
    secret = planted.value
    if type(secret) is str:
        secret = around + secret + around
    whole = {"a": [value, {"b": secret}]}
    try:
        text = orjson.dumps(whole)
    except TypeError:  # a set or bytes: those go another way
        return
    if redactor.redact(whole) != whole:
        assert redactor.suspects(text)


@given(JSON)
def test_redacting_twice_changes_nothing_more(value: Any) -> None:
    """A mark is no secret; and nothing is changed in place."""
    redactor = Redactor()
    before = orjson.dumps(value) if "\\ud" not in json.dumps(value) else None
    once = redactor.redact(value)
    assert redactor.redact(once) == once
    if before is not None:
        assert orjson.dumps(value) == before


@pytest.mark.parametrize(
    "value",
    [
        {b"password": "hunter2Zq9"},
        {"headers": [(b"x-api-key", b"hunter2Zq9"), (b"accept", b"*/*")]},
        {"headers": [[b"Authorization", "hunter2Zq9"]]},
    ],
)
def test_a_name_in_bytes_is_a_name(value: Any) -> None:
    """As servers and clients of HTTP hand out headers."""
    text, fidelity = write(value)
    assert b"hunter2Zq9" not in text
    assert b64encode(b"hunter2Zq9") not in text
    assert fidelity == "redacted"
