"""Secrets that are known by their form, wherever they stand."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from agenttrace.redaction.keys import find_rule


class Pattern(NamedTuple):
    """What a secret looks like, under the name that stands in its place.

    `hints` are lower-case texts of which one is in every text that it finds something in.
    """

    name: str
    find: re.Pattern[str]
    hints: tuple[str, ...] = ("",)
    keeps_head: bool = False

    def redact(self, text: str) -> str:
        """Return the text without what this finds."""
        mark = f"[redacted:{self.name}]"
        if self.keeps_head:
            return self.find.sub(lambda found: found[1] + mark, text)
        return self.find.sub(lambda _found: mark, text)


_START: Final = r"(?<![A-Za-z0-9])"


def _make(name: str, form: str, *hints: str, keeps_head: bool = False) -> Pattern:
    return Pattern(name, re.compile(form), hints, keeps_head)


PATTERNS: Final = (
    _make(
        "private_key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|[\s\S]*\Z)",
        "private key",
    ),
    _make("jwt", r"eyJ[\w-]{8,}\.eyJ[\w-]{6,}(?:\.[\w-]*)?", ".eyj"),
    _make(
        "bearer",
        r"(?i)\b((?:bearer|basic|digest|apikey)\s+)(?=\S{0,64}[0-9=+/])[\w.~+/=-]{12,}",
        *("bearer", "basic", "digest", "apikey"),
        keeps_head=True,
    ),
    _make("url", r"(?<=://)[^/\s:@\"'<>]{0,128}:[^/\s@\"'<>]{1,512}(?=@)", "://"),
    _make("api_key", _START + r"sk-(?=[\w-]{0,64}[0-9])[\w-]{16,}", "sk-"),
    _make(
        "api_key", _START + r"(?:[sr]k_(?:live|test)|whsec)_\w{16,}", "k_live", "k_test", "whsec"
    ),
    _make("aws", _START + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])", "akia", "asia"),
    _make("github", _START + r"(?:gh[pousr]_\w{20,}|github_pat_\w{22,})", "gh", "github_pat"),
    _make("gitlab", _START + r"glpat-[\w-]{20,}", "glpat-"),
    _make("slack", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,}", "xox"),
    _make("slack", r"(?<=hooks\.slack\.com/services/)[\w/]{16,}", "hooks.slack"),
    _make(
        "google",
        r"(?<![\w-])(?:AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})",
        *("aiza", "ya29.", "gocspx-"),
    ),
    _make("api_key", _START + r"(?:hf|npm|gsk|r8)_[A-Za-z0-9]{30,}", "hf_", "npm_", "gsk_", "r8_"),
    _make("api_key", _START + r"(?:pypi-AgEI|xai-|pplx-)[\w-]{30,}", "pypi-", "xai-", "pplx-"),
    _make("api_key", _START + r"SG\.[\w-]{16,}\.[\w-]{16,}", "sg."),
    # As headers stand in a text.
    _make(
        "cookie",
        r"(?i)\b((?:set-)?cookie:\s*)[^\s=;]+=[^\r\n\"']+",
        "cookie:",
        keeps_head=True,
    ),
    _make(
        "authorization",
        r"(?i)\b((?:proxy-)?authorization:\s*(?:\w+\s+)?)(?=\S{0,64}[0-9=+/])[^\s\"',]{8,}",
        "authorization:",
        keeps_head=True,
    ),
)
"""In this order: what one has taken out, the next does not see."""

_PLACEHOLDER: Final = re.compile(
    r"(?i)(\.{2,}|…|x{3,}|\*{3,}|<.*>|\$\{?.*|%.*|\{.*|your[-_ ].*|none|null|true|false|example"
    r"|changeme|redacted|\[redacted.*|string|str|secret|password|token|hidden|os\..*|self\..*)"
)
_SIGN: Final = re.compile("[:=]")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_QUOTED: Final = re.compile(r"\s{0,3}b?\\*[\"']([^\"'\\\r\n]{3,})")
_BARE: Final = re.compile(r"\s?([^\s\"'&,;\\()\[\]{}<>]{6,})(?![(\[])")
_RANDOM: Final = re.compile(r"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[^.]+\Z")
_MAX_NAME_CHARS: Final = 64
_LONG_CHARS: Final = 20
_ENDINGS: Final = (
    *("word", "words", "passwd", "code", "phrase", "secret", "secrets", "key", "keys", "token"),
    *(
        "pwd",
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "jwt",
        "auth",
        "pin",
    ),
)


def redact_assigned(text: str) -> str:
    """Return a text without what is given to the name of a secret: `password="…"`, `?token=…`."""
    parts: list[str] = []
    done = 0
    for sign in _SIGN.finditer(text):
        place = sign.start()
        window = text[max(done, place - _MAX_NAME_CHARS) : place].rstrip("\\\"' \t")
        # Most names are none of a secret: this is all that is done for them.
        if not window.lower().endswith(_ENDINGS):
            continue
        found = _find_assigned(text, _NO_NAME.split(window)[-1], sign)
        if found is not None:
            start, end, rule = found
            parts += (text[done:start], f"[redacted:{rule}]")
            done = end
    return text if not parts else "".join((*parts, text[done:]))


def _find_assigned(text: str, name: str, sign: re.Match[str]) -> tuple[int, int, str] | None:
    rule = find_rule(name)
    if rule is None:
        return None
    found = _QUOTED.match(text, sign.end())
    if found is None:
        found = _BARE.match(text, sign.end())
        if found is None or not _may_be_bare(sign[0], found):
            return None
    value = found[1]
    if _PLACEHOLDER.fullmatch(value) or value.lower() == name.lower():
        return None
    return found.start(1), found.end(1), rule


def _may_be_bare(sign: str, found: re.Match[str]) -> bool:
    """Tell whether a value without quotes may be a secret: it may be code, or prose."""
    value = found[1]
    if sign == ":" and len(value) < 8:  # noqa: PLR2004 -- a word
        return False
    if sign == "=" and found[0] != value:  # `token = next(tokens)`: code has a space there
        return len(value) >= _LONG_CHARS and _RANDOM.match(value) is not None
    is_odd = any(not each.isalpha() and each not in "_.-" for each in value)
    return is_odd or (len(value) >= _LONG_CHARS and not value.islower())


# For the quick look at a whole text, by an engine without look-around: each finds at least what
# the patterns above find, in a text and in the JSON text that holds it.
QUICK_VALUES: Final = (
    r"sk-[A-Za-z0-9_-]{16}|[sr]k_(?:live|test)_|whsec_|AKIA|ASIA[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9_]{20}|github_pat_|glpat-|xox[abeoprs]-|AIza|ya29\.|GOCSPX-|eyJ"
    r"|PRIVATE KEY|hf_[A-Za-z0-9]{30}|npm_[A-Za-z0-9]{30}|gsk_[A-Za-z0-9]{30}|r8_[A-Za-z0-9]{30}"
    r"|pypi-AgEI|xai-|pplx-|SG\.|hooks\.slack|://[^/\s\"@]*:[^/\s\"@]*@"
)
QUICK_SCHEMES: Final = r"(?i:bearer|basic|digest|apikey)\s+[A-Za-z0-9._~+/=-]{12}"
# Before a value, or as the last of a text: {"name": "password", "value": …} has it apart.
_QUICK_END: Final = r"(?:\\*[\"']?\s{0,3}[:=]|\\*[\"'][\]},])"
# Spelled out in the three usual cases: an engine finds so many literals ten times faster than
# words whatever their case.
QUICK_NAMES: Final = (
    r"(?:(?:ass|ASS)[-_. ]*(?:[wW]ords?|WORDS?|[wW]ds?|WDS?|[pP]hrases?|PHRASES?|[cC]odes?|CODES?)"
    r"|ecrets?|ECRETS?|oken|OKEN|horization|HORIZATION|ookies?|OOKIES?|edentials?|EDENTIALS?"
    r"|[pP]wd|PWD|[jJ]wt|JWT|[aA]uth|AUTH|[pP]in|PIN)" + _QUICK_END
)
QUICK_KEY: Final = r"(?:[kK]eys?|KEYS?)" + _QUICK_END
"""Most names that end so are none of a secret: what it finds is looked at by the next."""
SECRET_KEY: Final = (
    r"(?i:(?:api|secret|subscription|private|signing|encryption|ssh|access"
    r"|account)[-_. ]*keys?)" + _QUICK_END
)
