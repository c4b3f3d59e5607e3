from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.desk import Desk
from tests.rig.rooms import open_rooms


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_rooms(tmp_path) as rooms:
        made = Desk(rooms)
        yield made
        assert rooms.database.failed_units == 0
        assert made.tasks.failures == {}
        await made.tasks.close()
