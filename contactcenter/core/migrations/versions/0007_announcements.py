"""What callers in line are told, and how often."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queues", sa.Column("announce_every", sa.Float(), nullable=False, server_default=sa.text("0")))
    op.add_column("queues", sa.Column("announce", sa.String(length=10), nullable=False, server_default="both"))
