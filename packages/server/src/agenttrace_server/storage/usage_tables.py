"""The tables of sums: what models were used for, run by run and hour by hour."""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from agenttrace_server.storage.columns import PicoUsd
from agenttrace_server.storage.tables import IN_FIRST, table_of


class ModelUsageRow(SQLModel, table=True):
    """What the calls of one model add up to that one run began within one hour."""

    __tablename__ = "model_usage"
    __table_args__: ClassVar = (
        Index("model_usage_by_model", "model"),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    """Empty for the calls that name none."""
    hour_ns: int = Field(primary_key=True, sa_type=BigInteger)
    """The start of an hour of UTC."""
    calls: int
    errors: int
    prompt_tokens: int = Field(sa_type=BigInteger)
    prompt_known: int
    completion_tokens: int = Field(sa_type=BigInteger)
    completion_known: int
    cached_tokens: int = Field(sa_type=BigInteger)
    cached_known: int
    total_tokens: int = Field(sa_type=BigInteger)
    total_known: int
    estimated: int
    cost_pico: int = Field(sa_type=PicoUsd)
    cost_known: int


class UsageHourRow(SQLModel, table=True):
    """The same over all runs of a project: what it was used for, hour by hour."""

    __tablename__ = "usage_hour"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}

    hour_ns: int = Field(primary_key=True, sa_type=BigInteger)
    model: str = Field(primary_key=True)
    project_id: str = Field(primary_key=True, sa_column_kwargs=IN_FIRST)
    calls: int
    errors: int
    prompt_tokens: int = Field(sa_type=BigInteger)
    prompt_known: int
    completion_tokens: int = Field(sa_type=BigInteger)
    completion_known: int
    cached_tokens: int = Field(sa_type=BigInteger)
    cached_known: int
    total_tokens: int = Field(sa_type=BigInteger)
    total_known: int
    estimated: int
    cost_pico: int = Field(sa_type=PicoUsd)
    cost_known: int


MODEL_USAGE: Final = table_of(ModelUsageRow)
USAGE_HOUR: Final = table_of(UsageHourRow)
