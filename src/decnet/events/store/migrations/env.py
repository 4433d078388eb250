"""What Alembic runs: the upgrade, on the connection that `decnet.events.store.upgrade` has opened and locked."""

from alembic import context

from decnet.events.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # one transaction for all of it is open already
)
context.run_migrations()
