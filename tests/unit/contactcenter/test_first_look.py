import asyncio
from typing import Any

import pytest

from contactcenter.first_look import ASKED_MOST, START_MOST, FirstLook
from tests.simulation.virtual_loop import VirtualLoop


def played(story: Any) -> Any:
    """Run a story in virtual time; return what it returns."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(story())
    finally:
        loop.close()


class Asked:
    """When each caller's question was carried out."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.began = asyncio.get_running_loop().time()
        self.look = FirstLook()
        self.ask = self.look.before(self.handle)

    async def handle(self, session: Any) -> None:
        self.at.append(round(asyncio.get_running_loop().time() - self.began, 3))


def test_a_question_waits_for_the_first_picture_and_no_later_one_does() -> None:
    async def story() -> list[float]:
        asked = Asked()
        first = asyncio.ensure_future(asked.ask(None))  # type: ignore[arg-type]
        await asyncio.sleep(0.2)
        assert asked.at == []
        asked.look.taken()
        await first
        await asyncio.sleep(0.3)
        await asked.ask(None)  # type: ignore[arg-type]
        return asked.at

    assert played(story) == [0.2, 0.5]


@pytest.mark.parametrize(
    "after,carried_out", [(0.0, ASKED_MOST), (START_MOST - 1, START_MOST), (START_MOST, START_MOST)]
)
def test_without_a_picture_it_waits_so_long_and_after_the_start_not_at_all(after: float, carried_out: float) -> None:
    async def story() -> list[float]:
        asked = Asked()
        await asyncio.sleep(after)
        await asked.ask(None)  # type: ignore[arg-type]
        return asked.at

    assert played(story) == [carried_out]
