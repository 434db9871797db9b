"""Which type an answer has, and which status: GraphQL over HTTP, edition of September 2026.

The names in quotes are its sections. The status tells what happened ("Status Codes"). A legacy
client, which takes `application/json` only, gets the same statuses, and that type where they are
2xx ("Body"): any proxy fails in plain JSON, so a failure has the type that only GraphQL has.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strawberry.http import GraphQLHTTPResponse

from agenttrace_server.graphql.errors import INTERNAL, PARSE_FAILED

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
PARTIAL_SUCCESS: Final = 294
"""The edition's own: there are both data, even null, and errors."""
UNPROCESSABLE: Final = 422
"""The request is no GraphQL request, or one that cannot be executed."""

_STATUSES: Final[dict[str | None, int]] = {PARSE_FAILED: 400, INTERNAL: 500}
# The first is taken where a client leaves the choice: the one that every server must have.
_OFFERED: Final = (GRAPHQL_RESPONSE, JSON)
_FIRST_REDIRECT: Final = 300


class _Range(NamedTuple):
    name: str
    quality: float
    place: int


def choose_type(accept: str | None) -> str | None:
    """Return the type that a client likes best of ours; None when it takes none of them.

    Of two that it likes as much, the one that it names first. Without a header: GraphQL's own.
    """
    if accept is None or not accept.strip():
        return GRAPHQL_RESPONSE
    ranges = [_read_range(part, place) for place, part in enumerate(accept.split(","))]
    rated = [(_rate(name, ranges), -index, name) for index, name in enumerate(_OFFERED)]
    (quality, _), _, best = max(rated)
    return best if quality > 0 else None


def choose_status(result: GraphQLHTTPResponse, media_type: str | None) -> int:
    """Return the status of a GraphQL result ("Status Codes").

    A legacy client gets 200 for a partial success: the edition recommends its own number in
    GraphQL's type only, which says what it means ("Partial success").
    """
    errors = result.get("errors")
    if "data" in result:
        return PARTIAL_SUCCESS if errors and media_type == GRAPHQL_RESPONSE else 200
    (first, *_) = errors or [{}]
    code = (first.get("extensions") or {}).get("code")  # type: ignore[attr-defined] # typed as an object
    return _STATUSES.get(code, UNPROCESSABLE)


def write_type(status: int, media_type: str | None) -> str:
    """Return the `Content-Type` of an answer whose client likes `media_type` best ("Body")."""
    is_legacy = media_type == JSON and status < _FIRST_REDIRECT
    return f"{JSON if is_legacy else GRAPHQL_RESPONSE}; charset=utf-8"


def is_json(content_type: str) -> bool:
    """Say whether a request's `Content-Type` is JSON in UTF-8, which is assumed ("POST")."""
    name, *parameters = _split(content_type)
    return name == JSON and not any(map(_is_other_charset, parameters))


def _read_range(text: str, place: int) -> _Range:
    name, *parameters = _split(text)
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            quality = _read_quality(value.strip())
    if any(map(_is_other_charset, parameters)):
        quality = 0.0
    return _Range(name, quality, place)


def _split(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(";")]


def _is_other_charset(parameter: str) -> bool:
    key, _, value = parameter.partition("=")
    return key.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8")


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
