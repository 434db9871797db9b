"""On PostgreSQL, search's documents are partitioned by run id as what they were made from.

So a day that is dropped takes its documents with it. Those of runs that are gone stay behind.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

from agenttrace_server.storage.migrations.postgres import create_days

revision = "0006"
down_revision = "0005"

_BEFORE = (
    "DROP INDEX search_document_by_id",
    "DROP INDEX search_document_by_words",
    "ALTER TABLE search_document RENAME TO search_document_before",
    "ALTER INDEX search_document_pkey RENAME TO search_document_before_pkey",
    """CREATE TABLE search_document (
        run_id varchar COLLATE "C", span_id varchar COLLATE "C", doc_id bigint NOT NULL,
        words tsvector NOT NULL, PRIMARY KEY (run_id, span_id)) PARTITION BY RANGE (run_id)""",
)
# The indexes when the rows are there: that is sooner done.
_AFTER = (
    """INSERT INTO search_document (run_id, span_id, doc_id, words)
        SELECT run_id, span_id, doc_id, words FROM search_document_before AS document
        WHERE EXISTS (SELECT 1 FROM run WHERE run.run_id = document.run_id)""",
    "DROP TABLE search_document_before",
    "CREATE INDEX search_document_by_id ON search_document (doc_id)",
    # What waits to be sorted in is gone through by each search: a little, not the usual 4 MB.
    """CREATE INDEX search_document_by_words ON search_document USING gin (words)
        WITH (gin_pending_list_limit = 256)""",
)


def upgrade() -> None:
    """Move the rows. SQLite has no partitions: there a day is deleted by rows."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for statement in _BEFORE:
        op.execute(statement)
    create_days(connection, "search_document")
    for statement in _AFTER:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: 0005 could hold the documents, but nobody needs that."""
    raise NotImplementedError("0006 cannot be taken back; restore a backup made before it")
