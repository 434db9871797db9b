"""Secrets that are known by their form, wherever they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.redaction.keys import KEY_PATTERN, find_rule

if TYPE_CHECKING:
    from collections.abc import Callable


class Pattern(NamedTuple):
    """What a secret looks like, under the name that stands in its place."""

    name: str
    find: re.Pattern[str]
    replace: Callable[[re.Match[str]], str] | None = None


def _keep_first(name: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{found[1]}[redacted:{name}]"


_PLACEHOLDERS: Final = re.compile(
    r"(?i)^(\.{2,}|…|x{3,}|\*{3,}|<.*>|\$\{?.*|%.*|\{.*|your[-_ ].*|none|null|true|false|example"
    r"|changeme|redacted|\[redacted.*|string|str|secret|password|token|hidden|os\..*|self\..*)$"
)


def _replace_assigned(found: re.Match[str]) -> str:
    key, sep, value = found["key"], found["sep"], found["value"]
    rule = find_rule(key)
    if rule is None or _PLACEHOLDERS.match(value) or value.lower() == key.lower():
        return found[0]
    return f"{key}{sep}[redacted:{rule}]"


def _replace_bare(found: re.Match[str]) -> str:
    # Without quotes it may be code, `token=next_token`: a secret has a digit or a sign, or is long.
    value = found["value"]
    is_odd = any(not each.isalpha() and each not in "_.-" for each in value)
    if not is_odd and not (len(value) >= 20 and not value.islower()):  # noqa: PLR2004 -- longer than a name
        return found[0]
    return _replace_assigned(found)


_KEY: Final = rf"(?P<key>[A-Za-z0-9_.-]*{KEY_PATTERN})"
PATTERNS: Final = (
    Pattern(
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[\s\S]*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|[\s\S]*\Z)"
        ),
    ),
    Pattern("jwt", re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?")),
    Pattern(
        "bearer",
        re.compile(r"(?i)\b((?:bearer|basic|digest|apikey)\s+)(?=\S*[0-9=+/])[\w.~+/=-]{12,}"),
        _keep_first("bearer"),
    ),
    Pattern("url", re.compile(r"(?<=://)[^/\s:@\"'<>]*:[^/\s@\"'<>]+(?=@)")),
    Pattern("api_key", re.compile(r"(?<![A-Za-z0-9])sk-(?=[\w-]*[0-9])[\w-]{16,}")),
    Pattern("api_key", re.compile(r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)|whsec)_\w{16,}")),
    Pattern("aws", re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")),
    Pattern("github", re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_\w{20,}|github_pat_\w{22,})")),
    Pattern("gitlab", re.compile(r"(?<![A-Za-z0-9])glpat-[\w-]{20,}")),
    Pattern("slack", re.compile(r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}")),
    Pattern("slack", re.compile(r"(?<=hooks\.slack\.com/services/)[\w/]{16,}")),
    Pattern(
        "google", re.compile(r"(?<![\w-])(?:AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})")
    ),
    Pattern("api_key", re.compile(r"(?<![A-Za-z0-9])(?:hf|npm|gsk|r8)_[A-Za-z0-9]{30,}")),
    Pattern("api_key", re.compile(r"(?<![A-Za-z0-9])(?:pypi-AgEI|xai-|pplx-)[\w-]{30,}")),
    Pattern("api_key", re.compile(r"(?<![A-Za-z0-9])SG\.[\w-]{16,}\.[\w-]{16,}")),
    # Cookie: a=b; c=d and Authorization: <anything>, as headers stand in a text.
    Pattern(
        "cookie",
        re.compile(r"(?i)\b((?:set-)?cookie:\s*)[^\s=;]+=[^\r\n\"']+"),
        _keep_first("cookie"),
    ),
    Pattern(
        "authorization",
        re.compile(r"(?i)\b((?:proxy-)?authorization:\s*(?:\w+\s+)?)(?=\S*[0-9=+/])[^\s\"',]{8,}"),
        _keep_first("authorization"),
    ),
    Pattern(
        "key",
        re.compile(
            rf"{_KEY}(?P<sep>\\*[\"']?\s{{0,3}}[:=]\s{{0,3}}b?\\*[\"'])(?P<value>[^\"'\\\r\n]{{3,}})"
        ),
        _replace_assigned,
    ),
    Pattern(
        "key",
        re.compile(
            rf"{_KEY}(?P<sep>=|:\s{{0,1}}(?=\S{{8,}}))(?P<value>[^\s\"'&,;\\()\[\]{{}}<>]{{6,}})(?![(\[])"
        ),
        _replace_bare,
    ),
)
"""In this order: what one has taken out, the next does not see."""

# For the quick look at a whole text, by an engine without look-around: each finds at least what
# the patterns above find, in a text and in the JSON text that holds it.
QUICK_VALUES: Final = (
    r"sk-[A-Za-z0-9_-]{16}|[sr]k_(?:live|test)_|whsec_|AKIA|ASIA[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9_]{20}|github_pat_|glpat-|xox[abeoprs]-|AIza|ya29\.|GOCSPX-|eyJ"
    r"|PRIVATE KEY|hf_[A-Za-z0-9]{30}|npm_[A-Za-z0-9]{30}|gsk_[A-Za-z0-9]{30}|r8_[A-Za-z0-9]{30}"
    r"|pypi-AgEI|xai-|pplx-|SG\.|hooks\.slack|://[^/\s\"@]*:[^/\s\"@]*@"
)
QUICK_SCHEMES: Final = r"(?i:bearer|basic|digest|apikey)\s+[A-Za-z0-9._~+/=-]{12}"
_QUICK_END: Final = r"\\*[\"']?\s{0,3}[:=]"
# Spelled out in the three usual cases: an engine finds so many literals ten times faster than
# words whatever their case.
QUICK_NAMES: Final = (
    r"(?:asswords?|ASSWORDS?|assWords?|asswds?|ASSWDS?|assphrases?|ASSPHRASES?|assPhrase|ecrets?"
    r"|ECRETS?|oken|OKEN|horization|HORIZATION|ookies?|OOKIES?|edentials?|EDENTIALS?|[pP]wd|PWD"
    r"|[jJ]wt|JWT|[aA]uth|AUTH|[pP]in|PIN)" + _QUICK_END
)
QUICK_KEY: Final = r"(?:[kK]eys?|KEYS?)" + _QUICK_END
"""Most names that end so are none of a secret: what it finds is looked at by the next."""
SECRET_KEY: Final = (
    r"(?i:(?:api|secret|subscription|private|signing|encryption|ssh|access)[-_. ]?keys?)"
    + _QUICK_END
)
