from typing import Any

import pytest

from tests.fakes.desk import Desk
from tests.rig.rooms import Rooms


@pytest.fixture
async def desk(rooms: Rooms) -> Any:
    made = Desk(rooms)
    yield made
    assert rooms.database.failed_units == 0
    assert made.tasks.failures == {}
    await made.tasks.close()
