"""Runs the steps on the connection of ``migrate``; drafts a new one against the metadata of ``draft``."""

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator


def _render(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our own column types as what they are in the database, so that old steps need none of our code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{type(item.impl).__name__}()"
    return False


_given = context.config.attributes
context.configure(
    connection=_given["connection"], target_metadata=_given.get("metadata"), render_item=_render, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
