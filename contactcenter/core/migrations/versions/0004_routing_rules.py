"""All rules of the router: queues' orders, requirements and steps, agents' queues and capacity, profiles, versions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("order", sa.String(length=20), nullable=False, server_default="balanced"),
        sa.Column("aging", sa.Float(), nullable=False, server_default=sa.text("60")),
        sa.Column("late_after", sa.Float(), nullable=True, server_default=sa.text("60")),
        sa.Column("late_guard", sa.Float(), nullable=False, server_default=sa.text("600")),
        sa.Column("weight", sa.Float(), nullable=False, server_default=sa.text("1")),
        sa.Column("agent_rule", sa.String(length=20), nullable=False, server_default="least-flexible"),
        sa.Column("idle_guard", sa.Float(), nullable=False, server_default=sa.text("5")),
        sa.Column("preferred_wait", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.Column("vip_reserve", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("any_of", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("teams", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("preferred", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("steps", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("interrupts", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("value_steps", sa.JSON(), nullable=False, server_default="[]"),
    ):
        op.add_column("queues", column)
    op.create_table(
        "routing_profiles",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_key", sa.String(length=120), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("queues", sa.JSON(), nullable=True),
        sa.Column("capacity", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("site_id", "name_key", name="routing_profiles_name"),
    )
    _agents()
    op.create_table(
        "setting_versions",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("thing_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("change", sa.String(length=20), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "thing_id", "version"),
    )


def _agents() -> None:
    """Voice is one medium of several now; every agent took one call, which is what no capacity of his own means.

    The reference stands in the column: SQLite adds none afterwards.
    """
    op.execute("ALTER TABLE agents ADD COLUMN profile_id VARCHAR(40) REFERENCES routing_profiles (id)")
    op.create_index("agents_profile", "agents", ["profile_id"], unique=False)
    op.add_column("agents", sa.Column("queues", sa.JSON(), nullable=True))
    op.add_column("agents", sa.Column("capacity", sa.JSON(), nullable=True))
    op.drop_column("agents", "voice_capacity")
