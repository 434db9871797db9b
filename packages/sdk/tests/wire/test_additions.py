"""Lines that hold what was added to a run on a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agenttrace.wire.additions import ValidAnnotation, ValidTags, parse_any
from agenttrace.wire.models import ValidRun
from agenttrace.wire.validation import WireError, parse_line

RUN = "a" * 32
ANNOTATION: dict[str, Any] = {
    "v": 1,
    "type": "annotation",
    "annotation_id": "x",
    "run_id": RUN,
    "name": "n",
    "source": "MODEL",
    "score": 1,
    "created_ns": 1,
    "updated_ns": 2,
}
TAGS: dict[str, Any] = {"v": 1, "type": "tags", "run_id": RUN, "tags": ["t"]}


def _refuse(**fields: Any) -> str:
    with pytest.raises(WireError) as caught:
        parse_any(json.dumps({**ANNOTATION, **fields}).encode())
    return f"{caught.value.code}: {caught.value.message}"


def test_additions_are_told_from_records() -> None:
    """By their type; a field of a later version is no fault."""
    annotation = parse_any(json.dumps({**ANNOTATION, "later": 1}).encode())
    assert isinstance(annotation, ValidAnnotation)
    assert (annotation.score, annotation.span_id) == (1.0, None)
    tags = parse_any(json.dumps(TAGS).encode())
    assert isinstance(tags, ValidTags)
    run = {"v": 1, "type": "run", "run_id": RUN, "rev": 0, "name": "n", "status": "ERROR"}
    assert isinstance(parse_any(json.dumps({**run, "start_ns": 1}).encode()), ValidRun)


def test_a_recorders_line_is_no_addition() -> None:
    """Who takes records alone refuses additions."""
    with pytest.raises(WireError, match="type must be 'run', 'span' or 'event'"):
        parse_line(json.dumps(ANNOTATION).encode())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "invalid_field: Expected `str` of length >= 1 - at `$.name`"),
        ({"label": "x" * 257}, "`$.label`"),
        ({"comment": "ä" * 8_193}, "invalid_field: comment: has more than 16384 bytes of UTF-8"),
        ({"author": "a\0"}, "must not contain U+0000"),
        ({"run_id": "0" * 32}, "run_id: must be lower-case hexadecimal digits, not all zero"),
        ({"span_id": "G" * 16}, "span_id: must be lower-case"),
        ({"source": "GOD"}, "`$.source`"),
        ({"score": None}, "one of score, label and comment must be there"),
        ({"updated_ns": -1}, "`$.updated_ns`"),
        ({"v": 2}, "unknown_version"),
        ({"type": "note"}, "type must be 'run', 'span', 'event', 'annotation' or 'tags'"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, Any], said: str) -> None:
    """With the field that it is about."""
    assert said in _refuse(**fields)


def test_a_name_that_is_twice_is_refused() -> None:
    """Which of them holds would be anyone's guess."""
    line = json.dumps(TAGS)[:-1] + ',"tags":["u"]}'
    with pytest.raises(WireError, match="tags: is there twice"):
        parse_any(line.encode())
