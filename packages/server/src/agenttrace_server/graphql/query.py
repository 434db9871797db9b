"""The root of queries."""

from __future__ import annotations

import strawberry
from strawberry import field

from agenttrace.wire import WIRE_VERSION
from agenttrace_server import __version__
from agenttrace_server.graphql.account_query import AccountQuery
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.comparison import (
    CompareOptions,
    GroupComparison,
    read_options,
)
from agenttrace_server.graphql.types.diff import DiffOptions, RunDiff, read_rules
from agenttrace_server.graphql.types.enums import Interval, UsageGroup
from agenttrace_server.graphql.types.filters import RunFilterInput, check_text, read_filter
from agenttrace_server.graphql.types.lists import (
    PageArguments,
    RunOrder,
    list_runs,
    read_slice,
)
from agenttrace_server.graphql.types.node import Node
from agenttrace_server.graphql.types.plugin import Plugin
from agenttrace_server.graphql.types.replay import RunReplay, load_replay
from agenttrace_server.graphql.types.run import Run, RunConnection
from agenttrace_server.graphql.types.scalars import Count
from agenttrace_server.graphql.types.span import (
    Span,
    SpanConnection,
    load_span,
    make_found_connection,
)
from agenttrace_server.graphql.types.workflow import UsageBucket, Workflow
from agenttrace_server.services import usage as services
from agenttrace_server.services.comparisons import MAX_RUNS
from agenttrace_server.services.runs import parse_run_id, parse_span_key
from agenttrace_server.services.search import read_query


@strawberry.type(description="The server that answers.")
class ServerInfo:
    """See the description, which is public."""

    version: str = field(description="The release of agenttrace-server.")
    environment: str = field(description="`development` or `production`.")
    wire_version: int = field(description="The version of the wire format that it takes in.")
    retention_days: int | None = field(
        description="A run that was over, and last heard of, so many whole days of UTC ago is "
        "deleted; null: runs are kept for ever."
    )

    @resolver("How many changes have been stored that `search` does not know yet.")
    async def search_lag(self, info: Info) -> Count:
        """See the description, which is public."""
        return Count(await info.context.search.count_waiting())


async def _find_run(info: Info, run_id: str) -> Run | None:
    known = parse_run_id(run_id)
    found = await info.context.loaders.run_by_id.load(known) if known else None
    return Run.from_record(found) if found else None


async def _find_span(info: Info, span_id: str) -> Span | None:
    key = parse_span_key(span_id)
    return await load_span(info, key) if key else None


@strawberry.type(description="What can be read.")
class Query(AccountQuery):
    """See the description, which is public."""

    @resolver("A run or span by its id; null when there is none.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002 -- Relay's name
        """See the description, which is public."""
        return await _find_run(info, id) or await _find_span(info, id)

    @resolver("A run by its id, 32 hexadecimal digits; null when there is none.")
    async def run(self, info: Info, id: strawberry.ID) -> Run | None:  # noqa: A002 -- Relay's name
        """See the description, which is public."""
        return await _find_run(info, id)

    @resolver("A span by its id, `<run>:<span>`; null when there is none.")
    async def span(self, info: Info, id: strawberry.ID) -> Span | None:  # noqa: A002 -- Relay's name
        """See the description, which is public."""
        return await _find_span(info, id)

    @resolver(
        "Runs, newest first unless ordered otherwise; 50 a page unless `first` or "
        "`last` says otherwise, at most 200."
    )
    async def runs(  # noqa: PLR0913, PLR0917 -- Relay's arguments, by name only
        self,
        info: Info,
        filter: RunFilterInput | None = None,  # noqa: A002 -- the schema's name
        order_by: RunOrder | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> RunConnection:
        """See the description, which is public."""
        part = read_slice(order_by, PageArguments(first, after, last, before))
        return await list_runs(info.context.runs, read_filter(info, filter), part)

    @resolver(
        "Spans by what was said in them, the last to arrive first; at most 200 a page. All words "
        'of `text` (at most 512 characters) must occur, in any case of letters; those in "quotes" '
        "next to each other; the last word before a `*` is the beginning of one. Searched are a "
        "span's name, model, error, output, attributes and input, of the longest their beginnings: "
        "16 KiB in all. What was just recorded is found some tenths of a second later. `filter` is "
        "of the runs whose spans they are."
    )
    async def search(
        self,
        info: Info,
        text: str,
        filter: RunFilterInput | None = None,  # noqa: A002 -- the schema's name
        first: int | None = None,
        after: str | None = None,
    ) -> SpanConnection:
        """See the description, which is public."""
        query = read_query(text)
        page = await info.context.search.search(
            query, read_filter(info, filter), first=first, after=after
        )
        return make_found_connection(page, query)

    @resolver("A run as its steps, to go through forward and back; null when there is no such run.")
    async def replay(self, info: Info, run_id: strawberry.ID) -> RunReplay | None:
        """See the description, which is public."""
        found = await _find_run(info, run_id)
        return None if found is None else await load_replay(info, found.record)

    @resolver(
        "What differs from one run (`base`) to another (`head`), where it begins, and why; null "
        "when one of them is not there. Of runs of at most 20,000 spans, with 128 MiB of values "
        "together."
    )
    async def diff(
        self,
        info: Info,
        base: strawberry.ID,
        head: strawberry.ID,
        options: DiffOptions | None = None,
    ) -> RunDiff | None:
        """See the description, which is public."""
        rules = read_rules(options)
        runs = await _find_run(info, base), await _find_run(info, head)
        if runs[0] is None or runs[1] is None:
            return None
        info.context.loaders.take_comparison()
        kept = await info.context.diffs.compare(runs[0].record.run_id, runs[1].record.run_id, rules)
        return RunDiff.from_kept(kept, runs[0], runs[1])

    @resolver(
        "What differs from one group of runs (`base`) to another (`head`) beyond chance: the "
        "newest 200 of each that match, unless `options.first` says fewer. Of at most 200,000 "
        "spans together and 20,000 a run, within 8 seconds."
    )
    async def compare(
        self,
        info: Info,
        base: RunFilterInput,
        head: RunFilterInput,
        options: CompareOptions | None = None,
    ) -> GroupComparison:
        """See the description, which is public."""
        chosen = read_options(options)
        filters = read_filter(info, base), read_filter(info, head)
        first = options.first if options else MAX_RUNS
        info.context.loaders.take_comparison()
        found = await info.context.comparisons.compare(*filters, chosen, first=first)
        return GroupComparison.from_comparison(found)

    @resolver("The runs that share a correlation id; null when there is none.")
    async def workflow(self, info: Info, correlation_id: str) -> Workflow | None:
        """See the description, which is public."""
        wanted = check_text(correlation_id, "correlationId")
        project_id = info.context.actor.principal.project_id
        found = (await info.context.usage.get_workflows(project_id, [wanted])).get(wanted)
        return Workflow.from_record(found) if found else None

    @resolver(
        "What calls add up to, by interval and group, the newest first; at most 5,000 buckets. "
        "`startedAfter` and `startedBefore` of the filter are of the hours of usage here, all "
        "other criteria of the runs that called. Calls that a replay served from a recording or "
        "copied were not made: neither they nor their tokens and cost count here."
    )
    async def usage(
        self,
        info: Info,
        interval: Interval,
        filter: RunFilterInput | None = None,  # noqa: A002 -- the schema's name
        group_by: list[UsageGroup] | None = None,
    ) -> list[UsageBucket]:
        """See the description, which is public."""
        groups = [services.UsageGroup(str(group.value)) for group in group_by or ()]
        chosen = services.Interval(str(interval.value))
        found = await info.context.usage.list_usage(read_filter(info, filter), chosen, groups)
        return [UsageBucket.from_record(bucket) for bucket in found]

    @resolver("The plugins that are installed where the server runs, by name.")
    async def plugins(self, info: Info) -> list[Plugin]:
        """See the description, which is public."""
        found = await info.context.plugins.list_plugins()
        return [
            Plugin(
                name=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                hooks=list(plugin.hooks),
                error=plugin.error,
            )
            for plugin in found
        ]

    @resolver("About this server.")
    def server(self, info: Info) -> ServerInfo:
        """See the description, which is public."""
        return ServerInfo(
            version=__version__,
            environment=info.context.environment,
            wire_version=WIRE_VERSION,
            retention_days=info.context.retention_days,
        )
