"""What alembic runs: the revisions, on the connection and in the transaction of `index.schema`."""

from __future__ import annotations

from alembic import context

from index.records import REVISION_TABLE, Record

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    version_table=REVISION_TABLE,
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
