"""Values of every kind, generated: `python round_trips.py [examples]` tries 50,000 of them."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections import OrderedDict, deque
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.fidelity import RoundTrip, find_difference
from agenttrace.encoding.freeze import freeze
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.redaction import Redactor

LIMIT = 2**20
_ZONES = st.sampled_from([None, dt.UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, -(2**64), 10**400, -0.0, 1e308, 5e-324])
    | st.just(6_000).map(lambda n: 7**n)
    | st.floats()
    | st.text(alphabet=st.characters(categories=["L", "N", "P", "Cs", "Cc", "So"]))
    | st.binary(max_size=20)
    | st.binary(max_size=20).map(bytearray)
    | st.complex_numbers()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
    | st.dates()
    | st.datetimes(timezones=_ZONES, allow_imaginary=False)
    | st.times()
    | st.timedeltas()
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 4))
)
_KEYS = (
    st.text(max_size=3)
    | st.integers(-3, 3)
    | st.booleans()
    | st.none()
    | st.binary(max_size=2)
    | st.tuples(st.integers(0, 2))
    | st.sampled_from(["$float", "a/b", "~0", "1", "null", "$bytes"])
)


def extend(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return containers of such values."""
    lists = st.lists(children, max_size=4)
    named = st.dictionaries(st.text(max_size=3), children, max_size=4)
    return (
        lists
        | named
        | lists.map(tuple)
        | lists.map(deque)
        | st.dictionaries(_KEYS, children, max_size=4)
        | st.sets(st.integers() | st.text(max_size=3), max_size=4)
        | st.frozensets(_KEYS, max_size=4)
        | named.map(OrderedDict)
        | st.builds(Fraction, st.integers(), st.integers(1, 99))
        | st.dictionaries(st.sampled_from("abc"), children).map(lambda v: SimpleNamespace(**v))
        | lists.map(lambda items: ValueError(*items))
    )


VALUES = st.recursive(SCALARS, extend, max_leaves=15)


def check(value: Any) -> str:
    """Assert what holds for any value, and return how true its payload is."""
    policy = Policy(round_trip=RoundTrip("always"), redactor=Redactor())
    encoded = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT, policy=policy)
    for text in (encoded.text, encoded.types or b"{}"):
        json.loads(text, parse_constant=_refuse)
        msgspec.json.decode(text)
    payload = {"value": orjson.loads(encoded.text), "fidelity": encoded.fidelity, "codec": "json"}
    if encoded.types is not None:
        payload |= {"codec": "typed", "types": orjson.loads(encoded.types)}
    if encoded.fidelity == "exact":
        again = decode_payload(payload)
        assert type(again) is type(value)
        # By their trees: NaN equals nothing, and exceptions nothing but themselves.
        assert find_difference(freeze(value).tree, freeze(again).tree, "") is None
        differs = b'"NaN"' in encoded.text or b'"exception ' in (encoded.types or b"")
        assert differs or again == value
    return encoded.fidelity


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def main(examples: int) -> None:
    """Try so many values, and print how true their payloads were."""
    counts: dict[str, int] = {}

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(VALUES)
    def run(value: Any) -> None:
        fidelity = check(value)
        counts[fidelity] = counts.get(fidelity, 0) + 1

    run()
    print(sum(counts.values()), "values:", counts)  # noqa: T201 -- a program


if __name__ == "__main__":
    sys.set_int_max_str_digits(0)  # for the repr of what fails
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
