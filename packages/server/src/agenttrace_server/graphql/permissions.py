"""What each operation needs, by its root field. One that is not here, nobody may run.

It is looked at before anything of a document runs, so that nothing is done of one that asks for
more than may be done.
"""

from __future__ import annotations

from typing import Final

from agenttrace_server.errors import ForbiddenError
from agenttrace_server.identity import Permission, Principal, describe_lack
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

_KNOWN, _READ, _WRITE = Permission.KNOWN, Permission.READ, Permission.WRITE
_MANAGE, _OPERATE = Permission.MANAGE, Permission.OPERATE

OPERATIONS: Final[dict[str, dict[str, Permission]]] = {
    "query": {
        "node": _READ,
        "run": _READ,
        "runs": _READ,
        "span": _READ,
        "workflow": _READ,
        "usage": _READ,
        "search": _READ,
        "diff": _READ,
        "replay": _READ,
        "compare": _READ,
        "plugins": _READ,
        "server": _KNOWN,
        "viewer": _KNOWN,
        "projects": _KNOWN,
        "sessions": _KNOWN,
        "members": _MANAGE,
        "apiKeys": _MANAGE,
        "auditLog": _MANAGE,
        "accounts": _OPERATE,
        "__schema": _KNOWN,
        "__type": _KNOWN,
        "__typename": _KNOWN,
    },
    "mutation": {
        "ingest": Permission.INGEST,
        "annotateRun": _WRITE,
        "annotateSpan": _WRITE,
        "deleteAnnotation": _WRITE,
        "tagRun": _WRITE,
        "untagRun": _WRITE,
        "deleteRun": _WRITE,
        "deleteRuns": _WRITE,
        "changePassword": _KNOWN,
        "endSessions": _KNOWN,
        "renameProject": _MANAGE,
        "createApiKey": _MANAGE,
        "revokeApiKey": _MANAGE,
        "putMember": _MANAGE,
        "removeMember": _MANAGE,
        "createAccount": _OPERATE,
        "setAccountDisabled": _OPERATE,
        "createProject": _OPERATE,
        "appointAdmin": _OPERATE,
        "__typename": Permission.ANYBODY,
    },
    "subscription": {"runChanges": _READ, "runEvents": _READ},
}


def find_forbidden(
    document: DocumentNode, operation: OperationDefinitionNode, principal: Principal
) -> GraphQLError | None:
    """Return why somebody may not run an operation of a valid document; None if they may."""
    allowed = OPERATIONS[operation.operation.value]
    for name in list_root_fields(document, operation):
        needed = allowed.get(name)
        if needed is None or not principal.may(needed):
            text = describe_lack(principal, needed or Permission.OPERATE)
            return GraphQLError(f"{name}: {text}", extensions=ForbiddenError.extensions)
    return None


def list_root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
    """Return the names of the fields that an operation begins with, through its fragments."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    names: list[str] = []
    seen: set[str] = set()
    waiting: list[SelectionSetNode] = [operation.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                names.append(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                waiting.append(fragments[node.name.value].selection_set)
    return names
