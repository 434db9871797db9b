"""Planted secrets, each made up, and clean values that look a little like them."""

from __future__ import annotations

import random
import string
from typing import Any, NamedTuple

_LETTERS = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits


class Planted(NamedTuple):
    """A text that must not be found, and the value in which it stands."""

    secret: str
    value: Any


def make_secrets(chance: random.Random) -> list[tuple[str, str]]:
    """Return secrets of each known form, with the text that shows them."""

    def pick(count: int, letters: str = _LETTERS) -> str:
        return "".join(chance.choice(letters) for _ in range(count)) + "7"

    # Written in parts, so that nobody's scanner of sources takes them for real.
    forms = [
        "sk" + "-" + pick(47),
        "sk" + "-proj-" + pick(60),
        "sk" + "-ant-api03-" + pick(80),
        "AKI" + "A" + pick(14, _UPPER) + "Q",
        "ASI" + "A" + pick(14, _UPPER) + "Q",
        "gh" + "p_" + pick(35),
        "gh" + "s_" + pick(35),
        "github" + "_pat_" + pick(40),
        "gl" + "pat-" + pick(20),
        "xox" + "b-" + pick(40, string.digits),
        "xox" + "p-" + pick(40, string.digits),
        "AI" + "za" + pick(34),
        "ya29" + "." + pick(40),
        "GOC" + "SPX-" + pick(27),
        "hf" + "_" + pick(33),
        "npm" + "_" + pick(35),
        "gsk" + "_" + pick(50),
        "sk" + "_live_" + pick(24),
        "whsec" + "_" + pick(31),
        "SG" + "." + pick(21) + "." + pick(42),
        "pypi-" + "AgEI" + pick(60),
        "eyJ" + pick(20) + ".eyJ" + pick(40) + "." + pick(42),
    ]
    shown = [(form, form) for form in forms]
    for _ in range(3):
        basic, opaque, digest = pick(24), pick(32), pick(20)
        shown += [
            (basic, f"Bearer {basic}"),
            (opaque, f"authorization: bearer {opaque}"),
            (digest, f"Basic {digest}=="),
        ]
    key = "\n".join(pick(63) for _ in range(4))
    shown.append((key, f"-----BEGIN RSA PRIVATE KEY-----\n{key}\n-----END RSA PRIVATE KEY-----"))
    word = pick(12)
    shown.append((word, f"postgresql://app:{word}@db.internal:5432/shop"))
    word = pick(12)
    shown.append((word, f"redis://:{word}@cache:6379/0"))
    return shown


def plant(chance: random.Random) -> list[Planted]:
    """Return more than 200 values, each with a secret in another place."""
    planted: list[Planted] = []
    wraps: list[Any] = [
        lambda text: text,
        lambda text: f"see {text}, and go on",
        lambda text: {"messages": [{"role": "user", "content": f"my key:\n{text}\n"}]},
        lambda text: ("args", [text], {text}),
        lambda text: {"arguments": '{"note": "' + text.replace("\n", "\\n") + '"}'},
        lambda text: {text: 1},
        lambda text: text.encode(),
    ]
    for secret, text in make_secrets(chance):
        first = secret.partition("\n")[0]
        planted += [Planted(first, wrap(text)) for wrap in wraps]
    names = [
        *("password", "Passwd", "DB_PASSWORD", "userPassword", "passphrase", "secret"),
        *("client_secret", "clientSecret", "CLIENT-SECRET", "api_key", "apiKey", "apikey"),
        *("X-Api-Key", "OPENAI_API_KEY", "token", "access_token", "refreshToken", "id-token"),
        *("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "cookies"),
        *("private_key", "privateKey", "access_key", "AWS_SECRET_ACCESS_KEY", "credentials"),
        *("http.request.header.authorization", "pwd", "jwt", "auth", "ssh_key", "secrets"),
        *("pass_word", "PASS-WORD", "passWORD", "PASSwd", "pass phrase", "Passcode", "AccountKey"),
        *("api__key", "Secret-Access  Key"),
    ]
    for name in names:
        word = "".join(chance.choice(_LETTERS) for _ in range(14)) + "7"
        planted.append(Planted(word, {"config": {"deep": [{name: word}]}}))
        planted.append(Planted(word, {name: {"value": [word]}}))
        planted.append(Planted(word, {"headers": [{"name": name, "value": word}]}))
        planted.append(Planted(word, {"headers": [(name, word)]}))
        planted.append(Planted(word, {"tags": [{"Key": name, "Value": word}]}))
        planted.append(Planted(word, ["run", f"--{name}", word, "--verbose"]))
        planted.append(Planted(word, {"text": f'{{"{name}": "{word}", "a": 1}}'}))
    for name in ("password", "API_KEY", "client_secret", "access_token", "DB_PASSWORD"):
        word = "".join(chance.choice(_LETTERS) for _ in range(14)) + "7"
        planted += [
            Planted(word, f"connect({name.lower()}='{word}')"),
            Planted(word, f"export {name}={word}; run"),
            Planted(word, f"https://host/path?a=1&{name}={word}&b=2"),
            Planted(word, f"{{'{name}': '{word}'}}"),
            Planted(word, f'{name} = "{word}"'),
            Planted(f"{word}Aa1/{word}", f"{name} = {word}Aa1/{word}"),
            Planted(word, f"GET / HTTP/1.1\r\nHost: a\r\nCookie: {name}={word}; b=1\r\n"),
        ]
    return planted


_TEXT = (
    "the token count of this prompt is small but secret agents keep their passwords in a "
    "safe and author cookies with risk-free task-based disk-space planning for api design "
    "keys to success authorization basics a bearer of news basic arithmetic pins and "
    "needles skeleton key public key cryptography is taught in class authenticate "
    "tokenizer next_token max_tokens passing monkey keyboard turkey hockey credential "
    "checks are described in section four "
)
_WORDS = _TEXT.split()


def make_clean(chance: random.Random) -> list[Any]:
    """Return 5,000 values without secrets, of the words and names that secrets are found by."""
    plain: list[Any] = [
        {"usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16}},
        {"max_tokens": 100, "next_token": "abc123def456", "token_count": 3, "tokens": ["a", "b"]},
        {"logprobs": [{"token": "Hello", "logprob": -0.5, "bytes": [72]}]},
        {"tools": [{"parameters": {"properties": {"password": {"type": "string"}}}}]},
        {"cost_per_prompt_token": 0.00003, "time_to_first_token": 0.2, "eos_token": "</s>"},
        {"has_password": True, "secret": None, "token": 17, "key": "documents", "api_key": ""},
        {"sort_key": "name", "primary_key": 7, "keyboard": "qwerty", "author": "me"},
        "https://example.com/a/b?page=2&sort=name@x",
        "mailto:someone@example.com",
        "git@github.com:owner/repo.git",
        "def f(token=None, key=key, password=password): return next_token(token=token)",
        "for token in tokens: print(token)",
        "token = stream.next_token2Value; password = read_password_of_user2",
        ["convert", "--author", "Ann", "--keywords", "basic", "--token-limit", "cached"],
        "max_tokens=256, temperature=0.2",
        "The Authorization header: see section 3.",
        "password: at least eight characters",
        "Basic understanding of risk-assessment-and-mitigation",
        "sk-learn and task-based-risk-assessment",
        "550e8400-e29b-41d4-a716-446655440000",
        "d41d8cd98f00b204e9800998ecf8427e",
        "-----BEGIN CERTIFICATE-----",
        {"Content-Type": "application/json", "Accept": "*/*", "X-Request-Id": "req_1234567890"},
    ]
    values = list(plain)
    while len(values) < 5_000:
        words = [chance.choice(_WORDS) for _ in range(chance.randint(3, 60))]
        text = " ".join(words)
        values.append(
            chance.choice(
                [
                    text,
                    {"role": "user", "content": text},
                    {"query": words, "score": chance.random()},
                    {words[0]: len(words), "content": f"{words[1]}: {text}"},
                    f"{words[0]} = {words[1]}({words[2]})",
                    chance.choice(plain),
                ]
            )
        )
    return values
