from dataclasses import replace
from datetime import timedelta

import pytest

from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Right, Scope
from contactcenter.core.prepared import run_together
from contactcenter.tickets.model import TicketChanged, TicketOpened, TicketState
from contactcenter.tickets.service import TicketFilter
from tests.rig.rooms import as_role


@pytest.fixture
async def desk(rooms):
    hamburg = await rooms.agents.save_team(SYSTEM, "Hamburg", frozenset())
    berlin = await rooms.agents.save_team(SYSTEM, "Berlin", frozenset())
    rooms.ines = await rooms.agent("ines", "1001", hamburg.team_id)
    rooms.ben = await rooms.agent("ben", "1003", hamburg.team_id)
    rooms.chen = await rooms.agent("chen", "1002", berlin.team_id)
    rooms.person = (await rooms.customers.create_person(SYSTEM, {"name": "Marta"})).person_id

    async def reach(principal, interaction_id):
        if interaction_id not in {"call1", "c1"}:
            raise NotFound("not-found")

    rooms.tickets.reach = reach
    rooms.standard = await rooms.tickets.save_policy(SYSTEM, "Standard", 3600.0, 86_400.0, is_default=True)
    return rooms


async def numbers(rooms, principal, **wanted):
    page = await rooms.tickets.list_tickets(principal, Paging(), TicketFilter(**wanted))
    return [ticket.number for ticket in page.items]


async def test_a_ticket_from_a_call_belongs_to_the_agent_and_has_a_due_time(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "VPN drops", person_id=desk.person, interaction_id="call1")
    assert (ticket.number, ticket.state, ticket.assignee_id) == (10001, TicketState.OPEN, desk.ines.user_id)
    assert ticket.team_id in desk.ines.team_ids
    assert ticket.due_at == desk.clock.now() + timedelta(hours=1)
    stored, notes = await desk.tickets.get_ticket(desk.ines, ticket.ticket_id)
    assert (stored, list(notes)) == (ticket, [])
    assert (await desk.events("ticket-opened")) == [
        (TicketOpened(ticket.ticket_id, desk.person, "call1", desk.standard.policy_id), desk.ines.user_id)
    ]
    queries = desk.tickets.card_queries(desk.person, "call1")
    assert await desk.database.read(lambda c: run_together(c, queries)) == [[ticket], [ticket]]
    assert await desk.database.read(lambda c: [query.run(c) for query in queries]) == [[ticket], [ticket]]


async def test_numbers_go_on_also_after_a_refused_ticket(desk):
    await desk.tickets.open_ticket(desk.ines, "one")
    with pytest.raises(Invalid):
        await desk.tickets.open_ticket(desk.ines, "two", policy_id="none")
    with pytest.raises(NotFound):
        await desk.tickets.open_ticket(desk.ines, "three", person_id="nobody")
    with pytest.raises(NotFound):
        await desk.tickets.open_ticket(desk.ines, "three", interaction_id="another's")
    assert (await desk.tickets.open_ticket(desk.ines, "four")).number == 10002


async def test_a_note_to_the_customer_is_the_first_reply(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "VPN drops", note="called at 10")
    desk.clock.advance(600)
    changed = await desk.tickets.update_ticket(desk.ben, ticket.ticket_id, {"note": "We look at it.", "is_reply": True})
    assert changed.replied_at == desk.clock.now()
    assert changed.due_at == ticket.solve_due_at
    _, notes = await desk.tickets.get_ticket(desk.ines, ticket.ticket_id)
    assert [(n.text, n.author_id, n.is_reply) for n in notes] == [
        ("called at 10", desk.ines.user_id, False),
        ("We look at it.", desk.ben.user_id, True),
    ]


async def test_a_reply_needs_words(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "VPN drops")
    with pytest.raises(Invalid) as caught:
        await desk.tickets.update_ticket(desk.ines, ticket.ticket_id, {"is_reply": True, "note": " "})
    assert caught.value.fields == {"note": "missing"}


async def test_changes_are_events_without_texts(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "VPN drops", person_id=desk.person)
    await desk.tickets.update_ticket(desk.ines, ticket.ticket_id, {"subject": "Secret", "state": "solved"})
    assert await desk.events("ticket-changed") == [
        (TicketChanged(ticket.ticket_id, "solved", ("state", "subject"), desk.person), desk.ines.user_id)
    ]


async def test_a_closed_ticket_stays_as_it_is(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "VPN drops")
    for state in ("solved", "closed"):
        await desk.tickets.update_ticket(desk.ines, ticket.ticket_id, {"state": state})
    for changes in ({"state": "open"}, {"subject": "again"}, {"note": "again"}):
        with pytest.raises(Conflict, match="ticket-state"):
            await desk.tickets.update_ticket(desk.ines, ticket.ticket_id, changes)


async def test_owner_team_number_and_promises_are_not_for_changing(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "VPN drops")
    for field in ("assignee_id", "team_id", "number", "opened_by", "reply_due_at", "due_at", "site_id", "ticket_id"):
        with pytest.raises(Invalid) as caught:
            await desk.tickets.update_ticket(desk.ines, ticket.ticket_id, {field: "x"})
        assert caught.value.fields == {field: "extra-forbidden"}


# ------------------------------------------------------------------ who sees what


async def test_a_team_sees_its_tickets_and_no_others(desk):
    ours = await desk.tickets.open_ticket(desk.ines, "ours")
    theirs = await desk.tickets.open_ticket(desk.chen, "theirs")
    assert await numbers(desk, desk.ben) == [ours.number]
    assert await numbers(desk, desk.chen) == [theirs.number]
    assert await numbers(desk, SYSTEM) == [theirs.number, ours.number]
    with pytest.raises(NotFound):
        await desk.tickets.get_ticket(desk.ben, theirs.ticket_id)
    with pytest.raises(NotFound):
        await desk.tickets.update_ticket(desk.ben, theirs.ticket_id, {"state": "solved"})
    assert [t.number for t in (await desk.tickets.list_due(desk.ben, Paging())).items] == [ours.number]


async def test_own_scope_reaches_own_tickets_only(desk):
    mine = await desk.tickets.open_ticket(desk.ines, "mine")
    await desk.tickets.open_ticket(desk.ben, "colleague's")
    own = replace(desk.ines, rights={Right.TICKETS_READ: Scope.OWN})
    assert await numbers(desk, own) == [mine.number]
    with pytest.raises(Forbidden):
        await desk.tickets.update_ticket(own, mine.ticket_id, {"state": "solved"})


async def test_another_site_s_tickets_are_out_of_reach_of_the_site(desk):
    await desk.tickets.open_ticket(desk.ines, "here")
    elsewhere = replace(as_role("administrator"), rights={Right.TICKETS_READ: Scope.SITE})
    assert await numbers(desk, elsewhere) == [10001]
    desk.database.site_id = "other"
    assert await numbers(desk, elsewhere) == []


# ------------------------------------------------------------------ finding


async def test_filters_and_search(desk):
    vpn = await desk.tickets.open_ticket(desk.ines, "VPN drops", person_id=desk.person, interaction_id="c1")
    tax = await desk.tickets.open_ticket(desk.ines, "Invoice with wrong VAT")
    await desk.tickets.update_ticket(desk.ines, tax.ticket_id, {"state": "solved"})
    assert await numbers(desk, desk.ines, state=TicketState.SOLVED) == [tax.number]
    assert await numbers(desk, desk.ines, person_id=desk.person) == [vpn.number]
    assert await numbers(desk, desk.ines, interaction_id="c1") == [vpn.number]
    assert await numbers(desk, desk.ines, query="vpn") == [vpn.number]
    assert await numbers(desk, desk.ines, query="#10002") == [tax.number]
    for hostile in ("%", "_", "' OR 1=1 --", "10001; DROP TABLE tickets", "9" * 40, "\\"):
        assert await numbers(desk, desk.ines, query=hostile) == []


async def test_the_most_urgent_comes_first_page_by_page(desk):
    gold = await desk.tickets.save_policy(SYSTEM, "Gold", 60.0, 120.0)
    late = await desk.tickets.open_ticket(desk.ines, "later")
    soon = await desk.tickets.open_ticket(desk.ines, "soon", policy_id=gold.policy_id)
    same = await desk.tickets.open_ticket(desk.ines, "as soon", policy_id=gold.policy_id)
    done = await desk.tickets.open_ticket(desk.ines, "done", policy_id=gold.policy_id)
    await desk.tickets.update_ticket(desk.ines, done.ticket_id, {"state": "solved"})
    seen, cursor = [], None
    for _ in range(3):
        page = await desk.tickets.list_due(desk.ines, Paging(1, cursor))
        seen += [t.number for t in page.items]
        cursor = page.next
    assert seen == [soon.number, same.number, late.number]
    assert cursor is None


# ------------------------------------------------------------------ policies


async def test_one_policy_is_the_default_and_tickets_keep_their_promises(desk):
    ticket = await desk.tickets.open_ticket(desk.ines, "before")
    gold = await desk.tickets.save_policy(SYSTEM, "Gold", 60.0, 120.0, is_default=True)
    await desk.tickets.save_policy(SYSTEM, "Standard", 7200.0, 90_000.0, policy_id=desk.standard.policy_id)
    assert {p.name: p.is_default for p in await desk.tickets.list_policies(desk.ines)} == {
        "Gold": True,
        "Standard": False,
    }
    assert (await desk.tickets.get_ticket(desk.ines, ticket.ticket_id))[0] == ticket
    assert (await desk.tickets.open_ticket(desk.ines, "after")).policy_id == gold.policy_id


async def test_policies_belong_to_who_configures_the_site(desk):
    with pytest.raises(Forbidden):
        await desk.tickets.save_policy(desk.ines, "Mine", 60.0, 120.0)
    with pytest.raises(Conflict, match="name-taken"):
        await desk.tickets.save_policy(SYSTEM, "Standard", 60.0, 120.0)
    with pytest.raises(NotFound):
        await desk.tickets.save_policy(SYSTEM, "New", 60.0, 120.0, policy_id="none")


async def test_what_nobody_has_yet_is_within_reach_of_every_team(desk):
    """A voicemail for example: somebody has to hear it."""
    left = await desk.tickets.open_ticket(SYSTEM, "Voicemail: Ann", voicemail="voicemail-i1-1.wav")
    for one in (desk.ines, desk.chen):
        found, _ = await desk.tickets.get_ticket(one, left.ticket_id)
        assert found.has_voicemail
