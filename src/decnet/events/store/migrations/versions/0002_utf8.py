"""MariaDB keeps every character, and tells texts apart by their bytes, whatever the database's own way is."""

from alembic import op
from sqlalchemy import inspect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables were made in the charset of the database, often latin1, before they said which they want."""
    if op.get_context().dialect.name == "mariadb":
        for table in inspect(op.get_bind()).get_table_names():
            op.execute(f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
