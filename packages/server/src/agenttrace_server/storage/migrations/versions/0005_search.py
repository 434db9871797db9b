"""Full-text search over spans: FTS5 on SQLite, tsvector and GIN on PostgreSQL.

The index starts at the beginning of the change log, and comes to what is stored by itself.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_PROGRESS = (
    "CREATE TABLE search_progress (id INTEGER PRIMARY KEY, position BIGINT NOT NULL)",
    "INSERT INTO search_progress VALUES (1, 0)",
)
_SQLITE = (
    """CREATE TABLE search_document (
        doc_id INTEGER PRIMARY KEY, run_id VARCHAR NOT NULL, span_id VARCHAR NOT NULL)""",
    "CREATE UNIQUE INDEX search_document_by_span ON search_document (run_id, span_id)",
    # Words come in ready-made: this tokeniser parts them at spaces and changes no other character.
    "CREATE VIRTUAL TABLE search_words USING fts5(words, tokenize = 'ascii', columnsize = 0)",
)
# Not by days as the others: a search knows no day, and would look into every one.
_POSTGRESQL = (
    """CREATE TABLE search_document (
        run_id varchar COLLATE "C", span_id varchar COLLATE "C", doc_id bigint NOT NULL,
        words tsvector NOT NULL, PRIMARY KEY (run_id, span_id))""",
    "CREATE UNIQUE INDEX search_document_by_id ON search_document (doc_id)",
    "CREATE INDEX search_document_by_words ON search_document USING gin (words)",
)


def upgrade() -> None:
    """Make the tables of this kind of database."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in (*_PROGRESS, *(_SQLITE if is_sqlite else _POSTGRESQL)):
        op.execute(statement)


def downgrade() -> None:
    """Drop the index: what it was made from is still there."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_words")
    op.execute("DROP TABLE search_document")
    op.execute("DROP TABLE search_progress")
