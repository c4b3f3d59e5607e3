"""The queue an agent sent his customer to."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segments", sa.Column("transferred_to", sa.String(26), nullable=True))
