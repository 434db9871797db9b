"""What is wrong with a plugin: all of it at once, each with its place and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agenttrace.plugins.calls import describe_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

from contextlib import contextmanager


class Finding(NamedTuple):
    """One fault: where it is, what is wrong, and what its author should do."""

    where: str
    what: str
    advice: str

    def __str__(self) -> str:
        return " ".join(f"{self.where}: {self.what}; {self.advice}".split())


class Findings:
    """Collects faults; each is told once."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}

    def add(self, where: str, what: str, advice: str) -> None:
        """Note a fault."""
        self._found[Finding(where, what, advice)] = None

    def catch(self, where: str, doing: str, advice: str) -> AbstractContextManager[None]:
        """Return a `with` block that notes whatever is raised in it, and ends there."""
        return self._catch(where, doing, advice)

    @contextmanager
    def _catch(self, where: str, doing: str, advice: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's code may raise anything
            self.add(where, f"{doing} raised {describe_error(error)}", advice)

    def raise_all(self, title: str) -> None:
        """Raise one AssertionError that tells all faults; without any do nothing."""
        if not self._found:
            return
        count = f"{len(self._found)} finding{'s' if len(self._found) > 1 else ''}"
        lines = [f"{number:>3}. {each}" for number, each in enumerate(self._found, 1)]
        raise AssertionError("\n".join([f"{title}: {count}", *lines]))
