"""What Alembic runs: the steps of `versions/`, over the transaction that `hub.store.schema` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
