"""What the recording thread needs of a recorder: made there, when the first record asks for it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agenttrace.attributes import clean_name, measure_attribute
from agenttrace.guard import Boundary, Guard
from agenttrace.semconv import REPLAY_RECEIVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agenttrace.encoding.payload import Policy
    from agenttrace.receivers import Receivers
    from agenttrace.redaction import Redactor
    from agenttrace.replaying import ReplayHook
    from agenttrace.resource import Facts, Resource
    from agenttrace.settings import Settings
    from agenttrace.span import Span
    from agenttrace.spec import Spec
    from agenttrace.usage.prices import PriceBook
    from agenttrace.usage.tables import ListTables


_RECEIVER_BYTES: Final = measure_attribute(REPLAY_RECEIVER, "0" * 16)


class RecordingTools:
    """Who records, and what is done with payloads. The recorder's other half."""

    def __init__(
        self,
        settings: Settings,
        resource: Mapping[str, str | int] | None,
        redactor: Redactor | Callable[[str | None, Any], Any] | None,
    ) -> None:
        self.settings = settings
        self.guard = Guard()
        self.replay: ReplayHook | None = None  # unless a replay is on
        self._given_redactor = redactor
        self._given_resource = None if resource is None else dict(resource)
        self._resource: Resource | None = None
        self._policy: Policy | None = None
        self._receivers: Receivers | None = None
        self.plugin_versions: list[str] = []
        self.list_price_tables: ListTables | None = None  # None: the built-in ones
        self.price_book: PriceBook | None = None  # made on a worker thread, with the first price

    def boundary(self, kind: str) -> Boundary:
        """Return a `with` block that contains and counts under `kind` what goes wrong."""
        return Boundary(self.guard, kind)

    def tell_apart(self, span: Span, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Let a span say which of several calls with one input it is, as far as that is known."""
        spec = span.spec
        if spec.replay_key is not None:
            span.replay_key = self._find_replay_key(spec, args, kwargs)
        if not spec.is_method or not args:
            return
        first = spec.first_receiver
        if first is None or first() is not args[0]:
            self._describe_receiver(span, args[0])

    def _describe_receiver(self, span: Span, receiver: object) -> None:
        spec = span.spec
        try:
            digest = self.read_receiver(receiver)
            if spec.receiver_digest is None:
                spec.receiver_digest = digest
                from weakref import ref  # noqa: PLC0415 -- only who records methods

                with suppress(TypeError):  # it cannot be referred to weakly: it is read each time
                    spec.first_receiver = ref(receiver)
            elif digest != spec.receiver_digest:
                span.attributes = {REPLAY_RECEIVER: digest}
                span.attribute_bytes = _RECEIVER_BYTES
        except Exception as error:  # noqa: BLE001 -- the boundary; a `with` block costs 1 µs more
            self.guard.note("receiver", error)

    def read_receiver(self, receiver: object) -> str:
        """Return the digest of an object that methods are called on."""
        if self._receivers is None:
            from agenttrace.receivers import Receivers  # noqa: PLC0415 -- only who records methods

            self._receivers = Receivers()
        return self._receivers.read(receiver)

    def _find_replay_key(
        self, spec: Spec, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> str | None:
        """Return the user's own key of a call; a function that gives none is contained."""
        key = spec.replay_key
        if callable(key):
            with self.boundary("replay_key"):
                found: object = key(*args, **kwargs)
                return clean_name(found) if isinstance(found, str) else None
            return None
        return None if key is None else clean_name(key)

    @property
    def policy(self) -> Policy:
        """What is done with a payload beside writing it."""
        if self._policy is None:
            from agenttrace.encoding.policy import make_policy  # noqa: PLC0415 -- the thread's alone

            self._policy = make_policy(self.settings, self._find_redactor())
        return self._policy

    def _find_redactor(self) -> Redactor | None:
        from agenttrace.redaction import make_redactor  # noqa: PLC0415 -- the thread's alone

        redactor = make_redactor(self.settings.redact, self._given_redactor)
        if redactor is not None:
            redactor.note_failure = partial(self.guard.note, "redactor")
        return redactor

    def price_with(self, list_tables: ListTables) -> None:
        """Ask `list_tables` once for the price tables, on a worker thread with the first price."""
        self.list_price_tables = list_tables
        self.price_book = None

    def describe_resource(self) -> Facts:
        """Return who records here, anew after a fork."""
        if self._given_resource is not None:
            return self._given_resource
        if self._resource is None:
            from agenttrace import __version__  # noqa: PLC0415 -- the package imports this module
            from agenttrace.resource import Resource  # noqa: PLC0415 -- the thread's alone

            self._resource = Resource(
                self.settings.service_name, __version__, plugins=self.plugin_versions
            )
        return self._resource.describe()

    def forget_process(self) -> None:
        """Find out anew who records: the resource holds the process id."""
        self._resource = None
