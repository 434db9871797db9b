"""Which type an answer has, and which status: GraphQL over HTTP, edition of September 2026.

In `application/graphql-response+json` the status tells what happened; in `application/json`, which
might come from any proxy, it is 200 for whatever GraphQL itself has to say.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strawberry.http import GraphQLHTTPResponse

from agenttrace_server.graphql.errors import LIMIT_EXCEEDED

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
PARSE_FAILED: Final = "PARSE_FAILED"
PARTIAL_SUCCESS: Final = 294
"""The edition's own: there are both data and errors."""

# The one that is taken where a client leaves the choice: what most clients without one expect.
_OFFERED: Final = (JSON, GRAPHQL_RESPONSE)


class _Range(NamedTuple):
    name: str
    quality: float
    place: int


def choose_type(accept: str | None) -> str | None:
    """Return the type that a client likes best of ours; None when it takes none of them.

    Of two that it likes as much, the one that it names first. Without a header: plain JSON.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = [_read_range(part, place) for place, part in enumerate(accept.split(","))]
    rated = [(_rate(name, ranges), -index, name) for index, name in enumerate(_OFFERED)]
    (quality, _), _, best = max(rated)
    return best if quality > 0 else None


def choose_status(body: GraphQLHTTPResponse, media_type: str | None) -> int:
    """Return the status of a GraphQL response."""
    is_typed = media_type == GRAPHQL_RESPONSE
    if "data" in body:
        return PARTIAL_SUCCESS if is_typed and body.get("errors") else 200
    errors = body.get("errors") or [{}]
    code = (errors[0].get("extensions") or {}).get("code")  # type: ignore[attr-defined] # typed as an object
    if code == LIMIT_EXCEEDED:
        return 400
    if not is_typed:
        return 200
    return 400 if code == PARSE_FAILED else 422


def _read_range(text: str, place: int) -> _Range:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            quality = _read_quality(value.strip())
        elif key.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            quality = 0.0
    return _Range(name, quality, place)


def _read_quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _rate(name: str, ranges: list[_Range]) -> tuple[float, int]:
    """Return how much a type is liked, and, to compare equals, how early it is named."""
    for wanted in (name, f"{name.partition('/')[0]}/*", "*/*"):
        found = [r for r in ranges if r.name == wanted]
        if found:
            best = max(found, key=lambda r: (r.quality, -r.place))
            return best.quality, -best.place
    return 0.0, 0
