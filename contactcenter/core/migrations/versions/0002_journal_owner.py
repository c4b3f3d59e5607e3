"""Which process writes a site's journal: the fencing token of several that share a server."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("journal", sa.Column("owner", sa.String(length=40), nullable=True))
