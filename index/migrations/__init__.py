"""How the record's tables came to be, a revision each (alembic); run by `index.schema`, compared by a test."""
