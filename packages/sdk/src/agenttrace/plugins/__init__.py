"""What a plugin's author needs. `docs/plugins.md` shows complete plugins.

Hooks: `agenttrace_exporters`, `agenttrace_integrations`, `agenttrace_processors`,
`agenttrace_codecs`, `agenttrace_price_tables` and `agenttrace_cli`, found through entry points of
the group `agenttrace`.
"""

from __future__ import annotations

from agenttrace.errors import ConfigurationError
from agenttrace.pipeline.batch import encode_records
from agenttrace.pipeline.export import Exporter, ExportResult
from agenttrace.pipeline.processor import Processor
from agenttrace.plugins.markers import PLUGIN_API_VERSION, hookimpl
from agenttrace.plugins.specs import (
    CodecSpec,
    CommandSpec,
    ExporterSpec,
    IntegrationSpec,
    PluginFailure,
    PluginInfo,
    PriceTableSpec,
    ProcessorSpec,
)
from agenttrace.usage.prices import Price, PriceQuery, PriceTable
from agenttrace.wire import EventRecord, Record, RunRecord, SpanRecord

__all__ = [
    "PLUGIN_API_VERSION",
    "CodecSpec",
    "CommandSpec",
    "ConfigurationError",
    "EventRecord",
    "ExportResult",
    "Exporter",
    "ExporterSpec",
    "IntegrationSpec",
    "PluginFailure",
    "PluginInfo",
    "Price",
    "PriceQuery",
    "PriceTable",
    "PriceTableSpec",
    "Processor",
    "ProcessorSpec",
    "Record",
    "RunRecord",
    "SpanRecord",
    "encode_records",
    "hookimpl",
]
