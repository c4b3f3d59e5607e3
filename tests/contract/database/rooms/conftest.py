"""The rooms on a database of either kind."""

import pytest

from tests.fakes.desk import open_desk
from tests.rig.rooms import open_rooms


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """An empty Postgres with all tables; nothing for a file."""
    if request.param == "sqlite":
        return ""
    server = request.getfixturevalue("postgres")
    url = server.url(request.getfixturevalue("tables"))
    server.empty(url)
    return url


@pytest.fixture
async def rooms(url, tmp_path):
    async with open_rooms(tmp_path, url=url) as opened:
        yield opened


@pytest.fixture
async def desk(rooms):
    async with open_desk(rooms) as made:
        yield made
