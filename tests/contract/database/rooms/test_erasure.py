"""A person erased: nothing of him is left in any row, and everything that is counted counts as before."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, select

from contactcenter.core.errors import Conflict, Forbidden, NotFound
from contactcenter.core.ids import InteractionId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import ROLES, SYSTEM
from contactcenter.core.publisher import events_after
from contactcenter.customers.model import PersonChanged
from contactcenter.interactions import model, store
from contactcenter.interactions.store import day_figures
from contactcenter.tickets.service import TicketFilter
from tests.contract.database.rooms.test_interactions import CALLER, Floor, talking
from tests.contract.database.rooms.test_interactions import floor as floor
from tests.rig.rooms import as_role

SECRETS = (
    *("Marta", "Köhler", "marta@", "901820", "90 18 20", "90-18-20", "her note", "be kind", "Dr."),
    *("Broken router", "ticket text", "Nobody's ticket", "nobody's text"),
)
FORMS = ("030901820", "030/90 18 20", "+49-30-90-18-20", "+4930901820;ext=5", "sip:+4930901820@carrier.example")


@pytest.fixture
def bound(floor: Floor) -> Floor:
    """As bootstrap binds it."""
    floor.desk.rooms.customers.traces = [floor.service, floor.desk.rooms.tickets]
    return floor


async def lived(floor: Floor, leg: str = CALLER):
    """Marta called: recognised, talked, noted, with a ticket; and once before, when nobody knew her number."""
    rooms, room = floor.desk.rooms, floor.desk.room
    for number, form in enumerate(FORMS):
        before = room.arrive(f"178000000{number}.0", form, "Marta K")
        ticket = await rooms.tickets.open_ticket(
            SYSTEM, "Nobody's ticket", interaction_id=before.interaction_id, note="nobody's text"
        )
        assert ticket.person_id is None
        room.leg_ends(before.leg_id)
    values = {
        "name": "Marta Köhler",
        "title": "Dr.",
        "numbers": ["+4930901820"],
        "emails": ["marta@nordlicht.example"],
        "note": "her note",
        "heed": "be kind",
        "organisation": "Nordlicht",
    }
    person = await rooms.customers.create_person(SYSTEM, values)
    item = talking(floor, leg)
    await floor.desk.callers.refresh(item)
    assert item.person_id == person.person_id
    await floor.service.save_note(floor.ann, item.interaction_id, "her note of the call")
    ticket = await rooms.tickets.open_ticket(
        SYSTEM, "Broken router", person_id=person.person_id, interaction_id=item.interaction_id, policy_id=None
    )
    await rooms.tickets.update_ticket(SYSTEM, ticket.ticket_id, {"note": "ticket text"})
    return person, item, ticket


def over(floor: Floor, item: model.Interaction) -> None:
    assert item.segment is not None
    floor.desk.room.part(item, item.segment.segment_id, first=item.leg_id)
    floor.desk.room.leg_ends(item.leg_id)
    floor.desk.time.advance(120)
    assert item.is_over


async def contents(rooms):
    """Every row of every table."""

    def look(connection):
        found = MetaData()
        found.reflect(connection)
        return {
            one.name: sorted([list(map(str, row)) for row in connection.execute(select(one))])
            for one in found.sorted_tables
        }

    await rooms.database.flush()
    return await rooms.database.read(look)


async def counted(floor: Floor):
    """What figures, lists and the journal count."""
    database = floor.desk.rooms.database
    await database.flush()
    figures = await database.read(
        lambda c: [tuple(row) for row in day_figures(c, floor.desk.time.now() - timedelta(days=1))]
    )
    events = await database.read(lambda c: events_after(c, 0, 10_000))
    rows = await floor.desk.rows(store.interactions)
    times = [(row["id"], row["arrived_at"], row["ended_at"], row["outcome"], row["person_id"]) for row in rows]
    tickets = (await floor.desk.rooms.tickets.list_tickets(SYSTEM, Paging(100), TicketFilter())).items
    return figures, events, times, [(one.number, one.state, one.opened_at, one.due_at) for one in tickets]


async def test_nothing_of_him_is_left_and_everything_counts_as_before(bound: Floor) -> None:
    person, item, _ = await lived(bound)
    over(bound, item)
    rooms = bound.desk.rooms
    figures, events, times, tickets = await counted(bound)
    text = json.dumps(await contents(rooms), ensure_ascii=False)
    assert all(secret in text for secret in SECRETS), "they were there"
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    text = json.dumps(await contents(rooms), ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in text] == []
    after = await counted(bound)
    assert (after[0], after[2], after[3]) == (figures, times, tickets)
    assert after[1][: len(events)] == events, "the journal is what it was"
    (last,) = after[1][len(events) :]
    assert last.event == PersonChanged(person.person_id, "erased")
    with pytest.raises(NotFound):
        await rooms.customers.get_person(SYSTEM, person.person_id)
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    assert await counted(bound) == after, "once more is allowed, and tells nobody"
    with pytest.raises(NotFound):
        await rooms.customers.erase_person(SYSTEM, "01nobody")
    assert (await rooms.customers.list_people(SYSTEM, Paging(10))).items == []
    again = bound.desk.room.arrive("1780000009.1", "+4930901820")
    await bound.desk.callers.refresh(again)
    assert again.person_id is None, "his number is nobody's"


async def test_his_contacts_are_still_read(bound: Floor) -> None:
    person, item, ticket = await lived(bound)
    over(bound, item)
    await bound.desk.rooms.customers.erase_person(SYSTEM, person.person_id)
    found = await bound.service.get(SYSTEM, item.interaction_id)
    assert (found.row.caller_number, found.row.caller_name, found.segments[0].note) == ("", "", "")
    assert found.row.person_id == person.person_id
    kept, _ = await bound.desk.rooms.tickets.get_ticket(SYSTEM, ticket.ticket_id)
    assert kept.number == ticket.number
    decisions = (await bound.service.why(SYSTEM, InteractionId(item.interaction_id)))["decisions"]
    assert decisions, "why he was given to whom is told as before"


async def test_not_while_he_is_in_contact(bound: Floor) -> None:
    person, item, _ = await lived(bound)
    before = await contents(bound.desk.rooms)
    with pytest.raises(Conflict, match="person-in-contact"):
        await bound.desk.rooms.customers.erase_person(SYSTEM, person.person_id)
    assert await contents(bound.desk.rooms) == before, "one commit: nothing of it is done"
    over(bound, item)
    await bound.desk.rooms.customers.erase_person(SYSTEM, person.person_id)


async def test_others_who_share_his_number_keep_theirs(bound: Floor) -> None:
    person, item, _ = await lived(bound)
    over(bound, item)
    rooms = bound.desk.rooms
    other = await rooms.customers.create_person(SYSTEM, {"name": "Jonas", "numbers": ["+4930901820"]})
    call = talking(bound, "1780000005.1")
    bound.desk.room.assignments.customer_found(call, {"person": None}, other.person_id, 100, vip=False, is_news=True)
    over(bound, call)
    await bound.desk.rooms.database.flush()
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    kept = await bound.service.get(SYSTEM, call.interaction_id)
    assert kept.row.caller_number == "+4930901820"
    assert [p.value for p in (await rooms.customers.get_person(SYSTEM, other.person_id)).numbers] == ["+4930901820"]


async def test_it_takes_a_right_of_its_own(bound: Floor) -> None:
    person, item, _ = await lived(bound)
    over(bound, item)
    for role in ROLES:
        if role != "administrator":
            with pytest.raises(Forbidden):
                await bound.desk.rooms.customers.erase_person(as_role(role), person.person_id)


async def test_nothing_is_written_of_him_afterwards(bound: Floor) -> None:
    person, item, ticket = await lived(bound)
    over(bound, item)
    rooms = bound.desk.rooms
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    for write in (
        bound.service.save_note(bound.ann, item.interaction_id, "kept by a browser that was offline"),
        rooms.tickets.update_ticket(SYSTEM, ticket.ticket_id, {"note": "text"}),
        rooms.tickets.update_ticket(SYSTEM, ticket.ticket_id, {"subject": "text"}),
    ):
        with pytest.raises(Conflict, match="person-erased"):
            await write
    closed = await rooms.tickets.update_ticket(SYSTEM, ticket.ticket_id, {"state": "solved"})
    assert closed.subject == "", "its state still changes"


async def test_a_call_that_came_meanwhile_brings_nobody_back(bound: Floor) -> None:
    """His look-up was read before the commit and told after it."""
    person, item, _ = await lived(bound)
    over(bound, item)
    rooms, assignments = bound.desk.rooms, bound.desk.room.assignments
    late = bound.desk.room.call("1780000007.1")
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    assignments.customer_found(late, {"person": {"name": "Marta"}}, person.person_id, 92, vip=False, is_news=True)
    await bound.service.refresh_cards_of(person.person_id)
    assert late.person_id is None
    assert late.card["person"] is None


async def test_what_was_on_its_way_to_the_store_goes_with_the_next_sweep(bound: Floor) -> None:
    person, item, _ = await lived(bound)
    over(bound, item)
    rooms = bound.desk.rooms
    await rooms.database.flush()
    image = store.interaction_row(item)
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    rooms.database.write_behind((), images=[(store.interactions, image)])
    await rooms.database.flush()
    assert (await bound.service.get(SYSTEM, item.interaction_id)).row.caller_number
    await rooms.customers.erase_person(SYSTEM, person.person_id)
    assert (await bound.service.get(SYSTEM, item.interaction_id)).row.caller_number == ""


async def test_the_voicemail_of_somebody_erased_is_to_be_deleted(bound):
    rooms = bound.desk.rooms
    tickets = rooms.tickets
    ann = await rooms.customers.create_person(SYSTEM, {"name": "Ann"})
    for number, person_id in enumerate((ann.person_id, None)):
        name = f"voicemail-i{number}-1.wav"
        await tickets.open_ticket(SYSTEM, name, person_id=person_id, voicemail=name, voicemail_time=3.5)
    await rooms.customers.erase_person(SYSTEM, ann.person_id)
    assert await tickets.voicemails() == {"voicemail-i0-1.wav": True, "voicemail-i1-1.wav": False}
    [his] = [one for one in (await tickets.list_tickets(SYSTEM, Paging(), TicketFilter())).items if not one.subject]
    assert not his.has_voicemail
    await tickets.forget_voicemail("voicemail-i0-1.wav")
    assert await tickets.voicemails() == {"voicemail-i1-1.wav": False}
