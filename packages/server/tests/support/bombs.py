"""Documents that are small to send and dear to work on. Each must be refused, and soon."""

from __future__ import annotations

from agenttrace_server.graphql.documents import MAX_DOCUMENT_BYTES


def make_fragment_bomb(count: int) -> str:
    """Return a chain of fragments, each with the next one twice: 2 to the power of `count`."""
    parts = ['{ run(id: "a") { ...F0 } }']
    parts += [
        f"fragment F{n} on Run {{ replayedFrom {{ ...F{n + 1} }} "
        f"b: replayedFrom {{ ...F{n + 1} }} }}"
        for n in range(count - 1)
    ]
    return " ".join([*parts, f"fragment F{count - 1} on Run {{ id }}"])


def make_flat_bomb(count: int) -> str:
    """Return fragments that double at one level: nothing gets deeper, only wider."""
    parts = ['{ run(id: "a") { ...F0 } }']
    parts += [f"fragment F{n} on Run {{ ...F{n + 1} ...F{n + 1} }}" for n in range(count - 1)]
    return " ".join([*parts, f"fragment F{count - 1} on Run {{ id name }}"])


_DEEP = "{ run(id: 1) " + "{ replayedFrom " * 12 + "{ id }" + " }" * 13
_SPREADS = " ".join(f"...F{n}" for n in range(50))
_MERGED = " ".join(f"fragment F{n} on Run {{ totals {{ spans }} id name }}" for n in range(50))

BOMBS: dict[str, tuple[str, str]] = {
    "19 fragments": (make_fragment_bomb(19), "20 levels of fields; the limit is 12"),
    "30 fragments": (make_fragment_bomb(30), "31 levels of fields; the limit is 12"),
    "60 fragments": (make_fragment_bomb(60), "60 fragments; the limit is 50"),
    "wide fragments": (make_flat_bomb(40), "over 1000000000 fields in one selection set; the "),
    "depth 13": (_DEEP, "14 levels of fields; the limit is 12"),
    "31 aliases": (
        "{ server {" + " ".join(f"a{n}: version" for n in range(31)) + "} }",
        "31 aliases; the limit is 30",
    ),
    "1000 aliases": (
        "{" + " ".join(f"a{n}: __typename" for n in range(1_000)) + "}",
        " bytes; the limit is 16384",
    ),
    "51 directives": (
        "{ __typename " + "@include(if: true) " * 51 + "}",
        "51 directives; the limit is 50",
    ),
    "1000 directives": ("{ __typename " + "@a " * 1_000 + "}", "2003 tokens; the limit is 2000"),
    "51 fragments": (make_flat_bomb(51), "51 fragments; the limit is 50"),
    "21 root fields": ("{" + "__typename " * 21 + "}", "21 root fields; the limit is 20"),
    "fields again": (
        "{ server {" + "version " * 1_000 + "} }",
        "1000 fields in one selection set; the limit is 200",
    ),
    "objects again": (
        "{ server { version } " + 'run(id: "a") {' + "totals { spans } " * 200 + "} }",
        "repeats fields too often",
    ),
    "merged fragments": (f'{{ run(id: "a") {{ {_SPREADS} }} }} {_MERGED}', "repeats fields too"),
    "2001 tokens": ("{" + "a " * 1_999 + "}", "2001 tokens; the limit is 2000"),
    "bytes": ("{ __typename #" + "é" * (MAX_DOCUMENT_BYTES // 2) + "\n}", "bytes; the limit is"),
    "many brackets": ("{" * 8_000, "8000 tokens; the limit is 2000"),
    "deep brackets": ("{a" * 500, "brackets nested 500 deep; the limit is 40"),
    "nested lists": ('{ run(id: "' + "[" * 41 + '") { id } }' + " [" * 41, "nested 41 deep"),
    "introspection circle": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "4 lists of types within one another; the limit is 2",
    ),
    "introspection aliases": (
        "{ __schema { types { a: name b: name } } }",
        "2 aliases within introspection; the limit is 0",
    ),
    "introspection often": (
        "{ a: __schema { types { name } } b: __schema { __typename } c: __schema { __typename } }",
        "3 root fields of introspection; the limit is 2",
    ),
    "circle": (
        '{ run(id: "a") { ...A } } fragment A on Run { ...B } fragment B on Run { ...A }',
        "Cannot spread fragment 'A' within itself",
    ),
    "unknown fragment": ('{ run(id: "a") { ...Nothing } }', "Unknown fragment 'Nothing'."),
    "operations": (
        " ".join(f"query Q{n} {{ __typename }}" for n in range(21)),
        "21 operations; the limit is 20",
    ),
    "large page": (
        "{ runs(first: 99999999) { edges { node { id } } } }",
        "costs 199999999; the limit is 10000",
    ),
    "a long number": (
        "{ runs(first: " + "9" * 5_000 + ") { edges { node { id } } } }",
        "a number of 5000 digits; the limit is 1000",
    ),
    "pages in pages": (
        "{ runs(first: 200) { edges { node { spans(first: 200) { edges { node { id } } } } } } }",
        "costs 80601; the limit is 10000",
    ),
    "trees in a page": (
        "{ runs(first: 200) { edges { node { spanTree { name } } } } }",
        "costs 10401; the limit is 10000",
    ),
}
"""Name, text, and a part of the message that refuses it."""
