import pytest

from contactcenter.core.errors import Conflict
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM
from contactcenter.seed import DEMO_PASSWORD, DemoPlan, seed_demo
from contactcenter.tickets.service import TicketFilter
from tests.rig.rooms import open_rooms

SMALL = DemoPlan(desk_agents=3, people=40, organisations=12, tickets=6, desk_contact="sip:{extension}@127.0.0.1:5090")


async def seeded(rooms, plan=SMALL):
    return await seed_demo(rooms.services, rooms.database, rooms.clock, plan)


async def test_everything_a_demo_needs_is_there(rooms):
    demo = await seeded(rooms)

    assert demo.people == 40
    assert [login for login, _ in demo.logins[:5]] == ["admin", "sofia", "ines", "chen", "ben"]
    agents = await rooms.database.read(rooms.agents.load_all)
    assert [(a.extension, a.device.contact_uri) for a in agents if a.extension == "1101"] == [
        ("1101", "sip:1101@127.0.0.1:5090")
    ]
    assert len(agents) == 6
    queues = await rooms.database.read(rooms.queues.load_all)
    assert {q.name for q in queues} == {"Support", "Sales"}
    assert all(q.dispositions for q in queues)
    dialed = await rooms.database.read(rooms.queues.load_dialed)
    assert {d.number: d.flow for d in dialed} == {"1000": "support", "2000": "direct"}


async def test_the_named_customer_is_recognised_in_every_form_of_his_number(rooms):
    await seeded(rooms)
    for written in ("+4930901820", "030901820", "0049 30 901820"):
        reading = rooms.customers.read_number(written)
        found = await rooms.database.read(lambda c, r=reading: rooms.customers.find_by_number(c, r))
        assert [(c.name, c.confidence) for c in found.items] == [("Marta Köhler", 92)]


async def test_the_demo_logins_open_sessions_and_agents_see_their_own_tickets(rooms):
    await seeded(rooms)
    signed = await rooms.users.sign_in("ines", DEMO_PASSWORD, address="127.0.0.1")
    principal = await rooms.principal(signed.user.user_id)
    page = await rooms.tickets.list_tickets(principal, Paging(), TicketFilter())
    assert len(page.items) == 6


async def test_the_same_seed_makes_the_same_people(rooms, tmp_path):
    await seeded(rooms)
    (tmp_path / "other").mkdir()
    async with open_rooms(tmp_path / "other") as others:
        await seeded(others)
        names = [[p.name for p in (await r.customers.list_people(SYSTEM, Paging(200))).items] for r in (rooms, others)]
    assert names[0] == names[1]


async def test_a_second_seed_is_refused(rooms):
    await seeded(rooms)
    with pytest.raises(Conflict, match="already-seeded"):
        await seeded(rooms)
