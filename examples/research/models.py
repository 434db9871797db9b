"""Two ways to write: any OpenAI-compatible endpoint, or a local extractive summariser."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import httpx
import numpy as np
from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.nlp.stemmers import Stemmer
from sumy.summarizers.lex_rank import LexRankSummarizer
from sumy.utils import get_stop_words

from research.search import list_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from research.claims import Claim

SUMMARISER_MODEL: Final = "sumy-lexrank"
DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-4o-mini"
TIMEOUT_S: Final = 60.0
MAX_ATTEMPTS: Final = 4
MAX_WAIT_S: Final = 30.0

Messages: TypeAlias = list[dict[str, str]]
Completion: TypeAlias = dict[str, Any]  # an answer of the chat completions API: the JSON edge


class Writer(Protocol):
    """Turns statements into fewer ones that answer a question."""

    async def write(self, question: str, statements: list[Claim], *, limit: int) -> list[Claim]:
        """Return about `limit` claims, each with the passages that it rests on."""
        ...


class _Words:
    """sumy's tokenizer, without the data that its own would download."""

    def to_words(self, sentence: str) -> tuple[str, ...]:
        return tuple(list_words(sentence))


def pick_sentences(sentences: Sequence[str], *, limit: int) -> list[str]:
    """Return the `limit` most central sentences by LexRank, unchanged and in their order."""
    words = _Words()
    document = ObjectDocumentModel([Paragraph([Sentence(text, words) for text in sentences])])
    summariser = LexRankSummarizer(Stemmer("english"))
    summariser.stop_words = get_stop_words("english")
    # Sentences without a word in common have no rank (0 / 0): then the first ones are taken.
    with np.errstate(invalid="ignore"):
        return [str(sentence) for sentence in summariser(document, limit)]


def write_messages(question: str, statements: Sequence[str], *, limit: int) -> Messages:
    """Return the messages that ask a model for an answer from these statements alone."""
    task = (
        f"Answer the question in at most {limit} sentences, from the statements below and nothing "
        "else. Each sentence must be understood alone: name what it speaks of. End each with the "
        "bracketed sources of the statements it rests on, exactly as they are written there. "
        "Leave out what does not help to answer."
    )
    lines = "\n".join(statements)
    return [
        {"role": "system", "content": task},
        {"role": "user", "content": f"Question: {question}\n\nStatements:\n{lines}"},
    ]


def read_text(completion: Completion) -> str:
    """Return what the model wrote; LookupError or TypeError when it is not a completion."""
    return str(completion["choices"][0]["message"]["content"] or "")


class ChatError(Exception):
    """A model endpoint gave no answer. The message says which, why, and what to do.

    `retryable` tells whether asking again may help; `retry_after_s` is what the endpoint asked
    for, None when it did not say.
    """

    def __init__(
        self, message: str, *, retryable: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s

    def choose_wait_s(self, attempt: int) -> float:
        """Return how long to wait after the failed `attempt` (from 1): at most MAX_WAIT_S."""
        asked = self.retry_after_s
        return min(0.5 * 2 ** (attempt - 1) if asked is None else asked, MAX_WAIT_S)


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """An OpenAI-compatible endpoint and the model to ask there."""

    base_url: str
    model: str
    api_key: str | None = field(repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ChatEndpoint | None:
        """Return the endpoint that OPENAI_* name, or None when neither key nor address is set."""
        api_key, base_url = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL")
        if not api_key and not base_url:
            return None
        return cls(
            base_url=(base_url or DEFAULT_BASE_URL).rstrip("/"),
            model=environ.get("OPENAI_MODEL") or DEFAULT_MODEL,
            api_key=api_key or None,
        )

    async def post(self, messages: Messages) -> Completion:
        """Ask once; return the answer as it came. ChatError when it is not a completion."""
        url = f"{self.base_url}/chat/completions"
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        body = {"model": self.model, "messages": messages}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                response = await client.post(url, json=body, headers=headers)
        except httpx.InvalidURL as error:
            raise ChatError(f"OPENAI_BASE_URL {self.base_url}: {error}") from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            message = f"{url}: {reason}; check OPENAI_BASE_URL, or unset it to work offline."
            raise ChatError(message, retryable=isinstance(error, httpx.TransportError)) from error
        if not response.is_success:
            raise _describe_refusal(response)
        return _check_completion(response)


def _describe_refusal(response: httpx.Response) -> ChatError:
    status = response.status_code
    return ChatError(
        f"{response.url} answered {status}: {response.text[:200]}; "
        "check OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL, or unset them to work offline.",
        retryable=status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error,
        retry_after_s=_read_retry_after(response.headers.get("Retry-After")),
    )


def _read_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (it holds seconds or a date)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        due = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, due.timestamp() - time.time())


def _check_completion(response: httpx.Response) -> Completion:
    try:
        completion: Completion = response.json()
        read_text(completion)
    except (ValueError, LookupError, TypeError) as error:
        message = f"{response.url} answered with something else than a completion: {error!r}"
        raise ChatError(message) from error
    return completion
