"""Names under which secrets stand: of arguments, fields, headers, attributes, settings."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import lru_cache
from typing import Any, Final

from agenttrace.encoding.tree import BYTES, Tag

# Each ends a name, whatever its case and separators: apiKey, X-Api-Key, OPENAI_API_KEY.
_ENDS: Final = {
    "password": "password",
    "passwd": "password",
    "passcode": "password",
    "passphrase": "passphrase",
    "secret": "secret",
    "secretkey": "secret",
    "apikey": "api_key",
    "subscriptionkey": "api_key",
    "token": "token",
    "authorization": "authorization",
    "cookie": "cookie",
    "privatekey": "private_key",
    "signingkey": "private_key",
    "encryptionkey": "private_key",
    "sshkey": "private_key",
    "accesskey": "access_key",
    "accountkey": "access_key",
    "credential": "credential",
}
_WHOLE: Final = {"pwd": "password", "jwt": "token", "auth": "authorization", "pin": "password"}
# Tokens of text, and places in a list of pages: figures and positions, no secrets.
_NO_SECRET: Final = re.compile(
    r"(per|first|last|next|prev|previous|page|eos|bos|pad|unk|sep|cls|mask|stop|start|end|special"
    r"|continuation|sync|cursor|prompt|completion|input|output|cached|reasoning|new|current"
    r"|control|delimiter|max|min|total|text)token$"
)
_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")
_WORDS: Final = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_SCHEMA_TYPES: Final = frozenset(
    {"string", "number", "integer", "boolean", "array", "object", "null"}
)
_NUMERIC_RULES: Final = frozenset({"password", "passphrase", "secret"})


@lru_cache(maxsize=4096)
def find_rule(key: str) -> str | None:
    """Return the rule that a name falls under, None when it names no secret."""
    letters = _NOT_A_LETTER.sub("", key.lower())
    if not letters.endswith("tokens"):
        letters = letters.removesuffix("s")
    for end, rule in _ENDS.items():
        if letters.endswith(end):
            return None if rule == "token" and _NO_SECRET.search(letters) else rule
    if len(key) <= 64:  # noqa: PLR2004 -- a name
        last = _WORDS.split(key.strip(" _-"))[-1].lower()
        return _WHOLE.get(last)
    return None


def may_hold(rule: str, value: Any, beside: Any) -> bool:
    """Tell whether what stands under such a name may be a secret.

    Not whether it is there (None, a boolean), not a count, not a model's own tokens with their
    probabilities, not the schema of a field of that name.
    """
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return False
    if isinstance(value, int | float):
        return rule in _NUMERIC_RULES
    if isinstance(value, dict):
        kind = value.get("type")
        return not (
            "$ref" in value or "anyOf" in value or (type(kind) is str and kind in _SCHEMA_TYPES)
        )
    return not (rule == "token" and "logprob" in beside)


def read_text(tree: Any) -> str | None:
    """Return the text that a node is or holds, in bytes or in a class of its own; else None."""
    if type(tree) is not Tag:
        return tree if type(tree) is str else None
    if type(tree.value) is not str or tree.tag != BYTES:
        return tree.value if type(tree.value) is str else None
    try:
        return a2b_base64(tree.value).decode("utf-8", "replace")
    except Base64Error:
        return None
