"""The rooms on Postgres: what is imported here is collected again with this ``rooms``."""

import asyncio

import pytest

from tests.rig.rooms import open_rooms
from tests.unit.contactcenter.interactions.conftest import desk  # noqa: F401


@pytest.fixture
async def rooms(tmp_path, postgres, tables):
    url = postgres.url(tables)
    await asyncio.to_thread(postgres.empty, url)
    async with open_rooms(tmp_path, url=url) as opened:
        yield opened
