"""When a queue turns callers away, and where they go; what they say there."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("hours", sa.JSON(), nullable=True),
        sa.Column("when_closed", sa.JSON(), nullable=True),
        sa.Column("max_waiting", sa.Integer(), nullable=True),
        sa.Column("when_full", sa.JSON(), nullable=True),
        sa.Column("max_wait", sa.Float(), nullable=True),
        sa.Column("when_too_long", sa.JSON(), nullable=True),
        sa.Column("when_nobody", sa.JSON(), nullable=True),
        sa.Column("nobody_after", sa.Float(), nullable=False, server_default=sa.text("30")),
    ):
        op.add_column("queues", column)
    op.add_column(
        "tickets", sa.Column("voicemail", sa.String(length=120), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("tickets", sa.Column("voicemail_time", sa.Float(), nullable=True))
