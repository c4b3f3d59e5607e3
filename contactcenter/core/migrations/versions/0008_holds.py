"""How long and how often a customer was on hold."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segments", sa.Column("hold_time", sa.Float(), nullable=False, server_default=sa.text("0")))
    op.add_column("segments", sa.Column("holds", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("segments", sa.Column("held_since", sa.BigInteger(), nullable=True))
