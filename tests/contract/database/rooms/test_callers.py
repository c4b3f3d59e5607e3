"""The look-up beside the call: who it is, how sure, and what screens are given."""

import asyncio
from typing import Any

import pytest

from contactcenter.core.errors import Unavailable
from contactcenter.core.permissions import SYSTEM
from contactcenter.interactions import callers as callers_module
from contactcenter.interactions.model import Interaction
from contactcenter.queues.model import ValueStep
from routing import commands as routing
from tests.fakes.room import queue, record


async def person(desk: Any, name: str, *numbers: str, **more: Any) -> str:
    made = await desk.rooms.customers.create_person(SYSTEM, {"name": name, "numbers": list(numbers), **more})
    return str(made.person_id)


def enqueued(desk: Any, item: Interaction) -> routing.Enqueue:
    """What the router is told as the call enters the queue."""
    told, router = [], desk.room.router
    submit, router.submit = router.submit, told.append
    try:
        desk.room.enqueue(item)
    finally:
        router.submit = submit
    [command] = told
    return command


async def card_of(desk: Any, item: Interaction) -> dict[str, Any]:
    await desk.callers.refresh(item)
    card: dict[str, Any] = item.card
    return card


@pytest.mark.parametrize("number", ["+4930901820", "030 901820", "004930901820"])
async def test_one_person_of_that_number(desk: Any, number: str) -> None:
    ada = await person(desk, "Ada King", "+4930901820", organisation="Nordlicht", is_vip=True)
    item = desk.room.arrive(number=number)
    card = await card_of(desk, item)
    assert card["person"]["person_id"] == ada
    assert (card["person"]["name"], card["person"]["initials"]) == ("Ada King", "AK")
    assert card["person"]["organisation"]["name"] == "Nordlicht"
    assert (card["because"], card["loading"], card["number"]) == ("number-matches", False, "+49 30 901820")
    assert (item.person_id, item.vip) == (ada, True)
    assert (await card_of(desk, item))["because"] == "number-matches", "read again, nobody chose meanwhile"


async def test_nobody(desk: Any) -> None:
    card = await card_of(desk, desk.room.arrive(number="+4930111111"))
    assert (card["person"], card["because"], card["candidates"], card["history"]) == (None, "none", [], [])


async def test_withheld(desk: Any) -> None:
    item = desk.room.arrive(number="")
    card = await card_of(desk, item)
    assert (card["withheld"], card["person"]) == (True, None)


async def test_several_are_left_to_the_agent(desk: Any) -> None:
    for name in ("Ada", "Bea"):
        await person(desk, name, "+4930901820")
    item = desk.room.arrive()
    card = await card_of(desk, item)
    assert card["person"] is None
    assert {one["name"] for one in card["candidates"]} == {"Ada", "Bea"}
    assert card["because"] == "number-shared"
    assert item.person_id is None


async def test_history_is_the_persons_own_without_this_call(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820")
    desk.take(record("ann", 1))
    for number in (1, 2):
        item = desk.room.call(f"178000000{number}.1")
        await desk.callers.refresh(item)
        leg = desk.room.connect(item)
        desk.time.advance(30)
        desk.room.part(item, leg, first=leg)
        desk.room.leg_ends(item.leg_id)
        desk.time.advance(60)
    await desk.rooms.database.flush()
    now = desk.room.arrive("1780000009.1")
    card = await card_of(desk, now)
    assert card["history_total"] == 2
    assert [one["talk_time"] for one in card["history"]] == [30.0, 30.0]
    assert {one["agent"] for one in card["history"]} == {"Ann"}
    assert now.interaction_id not in {one["interaction_id"] for one in card["history"]}


async def talk(desk: Any, leg: str, agent: str) -> None:
    """A call of Ada's that this agent answers, and then nobody is there any more."""
    live = desk.take(record(agent, 1 if agent == "ann" else 2))
    item = desk.room.call(leg)
    await desk.callers.refresh(item)
    desk.room.part(item, desk.room.connect(item), first=item.leg_id)
    desk.room.leg_ends(item.leg_id)
    desk.room.router.submit(routing.EndWrapUp(live.agent_id, item.interaction_id))
    desk.room.router.submit(routing.SetPresence(live.agent_id, routing.Presence.NOT_READY, "break"))
    await desk.rooms.database.flush()


async def test_the_value_and_who_knows_the_customer_reach_the_router(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820", value_per_year=38_400)
    desk.room.define(queue(preferred_wait=30.0, value_steps=(ValueStep(10_000.0, 5),)))
    await talk(desk, "1780000001.1", "ann")
    item = desk.room.arrive("1780000009.1")
    await desk.callers.refresh(item)
    assert (item.value, item.knower) == (38_400.0, "a-ann")
    told = enqueued(desk, item)
    assert (told.value, told.preferred_agent_id) == (38_400.0, "a-ann")


async def test_found_while_he_waits_he_is_ranked_anew(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820", value_per_year=38_400)
    desk.room.define(queue(value_steps=(ValueStep(10_000.0, 5),)))
    first = desk.room.arrive("1780000001.1", "+4930111111")
    desk.room.enqueue(first)
    desk.time.advance(5)
    second = desk.room.call("1780000002.1")
    await desk.callers.refresh(second)
    desk.take(record("ann", 1))
    assert (first.alert, second.alert is not None) == (None, True)


@pytest.mark.parametrize("days, knower", [(29, "a-ann"), (31, None)])
async def test_after_a_month_nobody_knows_him_any_more(desk: Any, days: int, knower: str | None) -> None:
    await person(desk, "Ada", "+4930901820")
    await talk(desk, "1780000001.1", "ann")
    desk.time.advance(days * 86_400)
    item = desk.room.arrive("1780000009.1")
    await desk.callers.refresh(item)
    assert item.knower == knower


async def test_it_is_the_last_who_answered_that_knows_him(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820")
    await talk(desk, "1780000001.1", "ann")
    await talk(desk, "1780000002.1", "ben")
    missed = desk.room.call("1780000003.1")
    await desk.callers.refresh(missed)
    desk.room.leg_ends(missed.leg_id)
    await desk.rooms.database.flush()
    item = desk.room.arrive("1780000009.1")
    await desk.callers.refresh(item)
    assert item.knower == "a-ben"


async def test_a_queue_that_waits_for_nobody_is_told_of_nobody(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820")
    await talk(desk, "1780000001.1", "ann")
    item = desk.room.arrive("1780000009.1")
    await desk.callers.refresh(item)
    assert item.knower == "a-ann"
    assert enqueued(desk, item).preferred_agent_id is None


async def test_a_choice_overtakes_a_slow_look_up(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820")
    bea = await person(desk, "Bea")
    item = desk.room.arrive()
    look_up = desk.rooms.database.look_up
    gate = asyncio.Event()

    async def slow(work: Any) -> Any:
        result = await look_up(work)
        await gate.wait()
        return result

    desk.rooms.database.look_up = slow
    looking = asyncio.gather(desk.callers.refresh(item))
    await asyncio.sleep(0)
    desk.rooms.database.look_up = look_up
    await desk.callers.refresh(item, bea)
    assert item.person_id == bea
    gate.set()
    await looking
    assert (item.person_id, item.card["person"]["name"]) == (bea, "Bea")


async def test_the_look_up_starts_with_the_call_and_holds_nothing_up(desk: Any) -> None:
    await person(desk, "Ada", "+4930901820")
    desk.room.assignments.lookup = desk.callers.look_up
    item = desk.room.arrive()
    assert item.card is None, "the call goes on meanwhile"
    while item.card is None:
        await asyncio.sleep(0.001)
    assert item.card["person"]["name"] == "Ada"


async def test_while_the_store_is_away_the_card_goes_on_loading(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_module, "LOOK_AGAIN", 0.001)
    await person(desk, "Ada", "+4930901820")
    read, tries = desk.rooms.database.look_up, []

    async def away_twice(work: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("store-unavailable", {"reason": "no route"})
        return await read(work)

    monkeypatch.setattr(desk.rooms.database, "look_up", away_twice)
    desk.room.assignments.lookup = desk.callers.look_up
    item = desk.room.arrive()
    while item.card is None:
        await asyncio.sleep(0.001)
    assert (len(tries), item.card["person"]["name"]) == (3, "Ada")
    assert desk.tasks.failures == {}


async def test_for_a_caller_who_left_nobody_looks_any_more(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_module, "LOOK_AGAIN", 0.001)

    async def away(work: Any) -> Any:
        raise Unavailable("store-unavailable", {"reason": "no route"})

    monkeypatch.setattr(desk.rooms.database, "look_up", away)
    desk.room.assignments.lookup = desk.callers.look_up
    item = desk.room.arrive()
    await asyncio.sleep(0.005)
    assert desk.tasks.under_way
    desk.room.leg_ends(item.leg_id)
    async with asyncio.timeout(5):
        while desk.tasks.under_way:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("number", ["<script>", "'; DROP TABLE people;--", "x" * 500, "\u202e123"])
async def test_hostile_numbers_find_nobody_and_break_nothing(desk: Any, number: str) -> None:
    await person(desk, "Ada", "+4930901820")
    card = await card_of(desk, desk.room.arrive(number=number))
    assert card["person"] is None


async def test_a_choice_that_was_put_right_in_the_same_call_counts(desk: Any) -> None:
    ada, bea = await person(desk, "Ada", "+4930901820"), await person(desk, "Bea", "+4930901820")
    item = desk.room.arrive()
    for chosen in (ada, bea):
        desk.time.advance(5)
        await desk.callers.refresh(item, chosen)
    await desk.rooms.database.flush()
    card = await card_of(desk, desk.room.arrive("1780000009.1"))
    assert card["person"]["name"] == "Bea"


async def test_who_called_last_by_a_shared_number_comes_first(desk: Any) -> None:
    """The product itself remembers the contact, in the commit that says who it is."""
    await person(desk, "Ada", "+4930901820")
    bea = await person(desk, "Bea", "+4930901820")
    first = desk.room.arrive("1780000001.1")
    assert (await card_of(desk, first))["person"] is None
    await desk.callers.refresh(first, bea)
    await desk.rooms.database.flush()
    card = await card_of(desk, desk.room.arrive("1780000002.1"))
    assert card["person"]["person_id"] == bea
    assert [one["name"] for one in card["candidates"]] == ["Bea", "Ada"]


async def test_a_withheld_number_is_no_contact_point(desk: Any) -> None:
    bea = await person(desk, "Bea", "+4930901820")
    item = desk.room.arrive(number="")
    await desk.callers.refresh(item, bea)
    await desk.rooms.database.flush()
    assert item.person_id == bea
