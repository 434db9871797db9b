"""What the arguments of fields mean: one text for all that are the same, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from graphql import GraphQLArgument, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

_MEANINGS: Final[Mapping[str, str]] = {
    "after": "The cursor of an edge or `endCursor`: what comes after it. Without it: from the "
    "beginning.",
    "annotation": "What is said.",
    "base": "The id of the run that is compared with, 32 hexadecimal digits.",
    "before": "The cursor of an edge or `startCursor`: what comes before it, with `last`.",
    "breakpoints": "Any of these, at most 20.",
    "correlationId": "The id that the runs share, as it was recorded.",
    "currentPassword": "The one that ends.",
    "direction": "Which way to look.",
    "email": "The account's address, in any case of letters.",
    "filter": "Only what meets all of it.",
    "first": "How many at most, from 0 to 200.",
    "groupBy": "What else has a bucket of its own, beside the interval.",
    "head": "The id of the run that is looked at, 32 hexadecimal digits.",
    "id": "The id, as the answer of a list has it.",
    "index": "Its number, from 0.",
    "input": "What the key is to be.",
    "interval": "How long a bucket is.",
    "isDisabled": "Whether it is closed.",
    "last": "How many at most, counted from the end, from 0 to 200; instead of `first`.",
    "name": "What people read: 1 to 128 characters.",
    "newPassword": "15 to 128 characters, and none that is chosen often.",
    "options": "What counts as a difference; as in the SDK where nothing is given.",
    "orderBy": "The order of the list, before it is cut into pages.",
    "password": "15 to 128 characters, and none that is chosen often.",
    "project": "The slug of the project.",
    "records": "At most 10,000 objects, each a line of the wire format.",
    "role": "What the account may do in the project.",
    "runId": "The run's id, 32 hexadecimal digits.",
    "runIds": "At most 1,000 ids of runs; instead of `filter`.",
    "slug": "What requests name it by, for ever: small letters, digits and `-`, at most 64.",
    "spanId": "The span's id, `<run>:<span>`.",
    "tags": "Each of 1 to 256 characters.",
    "text": 'Words, `"words together"` and beginnings (`summar*`), at most 512 characters.',
}
_OWN: Final[Mapping[str, str]] = {
    "Mutation.endSessions.id": "The login's id; without it all of them.",
    "Query.compare.base": "The runs that are compared with.",
    "Query.compare.head": "The runs that are looked at.",
    "Query.compare.options": "How sure a difference must be, and of what.",
    "Subscription.runChanges.after": "The cursor of a batch: what changed after it comes first. "
    "Without it: from now on.",
    "Subscription.runEvents.after": "The cursor of an event: what came after it comes first. "
    "Without it: from the run's beginning.",
}
"""Where an argument means something else than elsewhere."""


def describe_arguments(schema: GraphQLSchema) -> None:
    """Give each argument its description, unless it was declared with one."""
    for place, name, argument in list_arguments(schema):
        if argument.description is None:
            argument.description = _OWN.get(place) or _MEANINGS.get(name)


def list_arguments(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLArgument]]:
    """Yield each argument's place (`Query.runs.first`), its name and itself."""
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            continue
        if kind.name.startswith("__"):
            continue
        for field_name, field in kind.fields.items():
            for name, argument in field.args.items():
                yield f"{kind.name}.{field_name}.{name}", name, argument
