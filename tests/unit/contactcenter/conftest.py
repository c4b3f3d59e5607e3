import pytest

from tests.rig.rooms import open_rooms


@pytest.fixture
async def rooms(tmp_path):
    async with open_rooms(tmp_path) as opened:
        yield opened
