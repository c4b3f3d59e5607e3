from dataclasses import replace
from datetime import timedelta

import pytest

from contactcenter.core.errors import Forbidden, Invalid, NotFound
from contactcenter.core.ids import TeamId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Right, Scope
from contactcenter.customers.model import Because, PersonChanged
from contactcenter.customers.service import contacted
from tests.rig.rooms import as_role

MARTA = {
    "name": "Marta Köhler",
    "organisation": "Nordlicht GmbH",
    "numbers": ["030 901820", "+49 30 901820", "0171 5502291"],
    "emails": ["Marta@Nordlicht.example"],
}


async def marta(rooms, **values):
    return await rooms.customers.create_person(SYSTEM, {**MARTA, **values})


async def candidates(rooms, text):
    reading = rooms.customers.read_number(text)
    found = await rooms.database.read(lambda c: rooms.customers.find_by_number(c, reading))
    return [(c.name, c.confidence, c.because) for c in found.items]


async def names(rooms, query, principal=SYSTEM):
    return [p.name for p in (await rooms.customers.list_people(principal, Paging(), query)).items]


async def test_the_person_of_a_call_is_made_once_however_often_it_is_asked_for(rooms):
    values = {"name": "Ada Lovelace", "numbers": ["+4930901820"]}
    first = await rooms.customers.create_caller(SYSTEM, values)
    assert await rooms.customers.create_caller(SYSTEM, {**values, "name": " ada  LOVELACE"}) == first
    another = await rooms.customers.create_caller(SYSTEM, {**values, "name": "Byron"})
    nobody = await rooms.customers.create_caller(SYSTEM, {"name": "Ada Lovelace"})
    assert len({first.person_id, another.person_id, nobody.person_id}) == 3
    with pytest.raises(Forbidden):
        await rooms.customers.create_caller(replace(SYSTEM, rights={}), values)


# ------------------------------------------------------------------ who is calling


async def test_a_person_is_found_by_any_form_of_his_number(rooms):
    await marta(rooms)
    for text in ("+4930901820", "030/901820", "0049 171 550 22 91"):
        assert await candidates(rooms, text) == [("Marta Köhler", 92, Because.NUMBER_MATCHES)]
    for text in ("+4930901821", "anonymous", "1001", "", "'; --"):
        assert await candidates(rooms, text) == []


async def test_people_who_share_a_number_are_ranked_by_contact_and_never_merged(rooms):
    first = await marta(rooms)
    second = await marta(rooms, name="Jonas Köhler")
    assert [c for _, c, _ in await candidates(rooms, "030901820")] == [68, 68]

    reading = rooms.customers.read_number("030901820")
    rooms.database.write_behind((), images=contacted(second.person_id, reading, rooms.clock.now()))
    await rooms.database.flush()
    assert [n for n, *_ in await candidates(rooms, "030901820")] == ["Jonas Köhler", "Marta Köhler"]
    rooms.clock.advance(60)
    rooms.database.write_behind((), images=contacted(first.person_id, reading, rooms.clock.now()))
    await rooms.database.flush()
    assert [n for n, *_ in await candidates(rooms, "030901820")] == ["Marta Köhler", "Jonas Köhler"]
    assert len(await names(rooms, "köhler")) == 2


async def test_a_company_s_main_number_leads_to_its_people_and_an_extension_to_one(rooms):
    await rooms.customers.create_organisation(SYSTEM, "Nordlicht GmbH", "+49 30 901800")
    await marta(rooms)
    assert await candidates(rooms, "030901800") == [("Marta Köhler", 55, Because.ORGANISATION_NUMBER)]
    await rooms.customers.create_person(
        SYSTEM, {"name": "Jonas Feddersen", "organisation": "NORDLICHT  gmbh", "numbers": ["030901800 ext. 12"]}
    )
    assert (await candidates(rooms, "030901800 x12"))[0] == ("Jonas Feddersen", 88, Because.EXTENSION_MATCHES)
    assert [n for n, *_ in await candidates(rooms, "030901800 x12")] == ["Jonas Feddersen", "Marta Köhler"]


async def test_a_crowd_behind_one_number_is_bounded(rooms):
    for n in range(20):
        await marta(rooms, name=f"Person {n}", organisation="Heim", emails=[])
    assert len(await candidates(rooms, "030901820")) == 12


# ------------------------------------------------------------------ keeping people


async def test_a_person_comes_back_with_each_contact_point_once(rooms):
    person = await marta(rooms)
    assert [p.value for p in person.numbers] == ["+4930901820", "+491715502291"]
    assert person.emails == ["marta@nordlicht.example"]
    assert person.organisation is not None
    assert person.organisation.name == "Nordlicht GmbH"
    assert await rooms.customers.get_person(SYSTEM, person.person_id) == person


async def test_changes_are_events_that_name_fields_and_hold_no_values(rooms):
    admin = await rooms.user("admin", "administrator")
    person = await rooms.customers.create_person(admin, MARTA)
    await rooms.customers.update_person(admin, person.person_id, {"note": "secret", "heed": "careful"})
    assert (await rooms.events("person-changed"))[-1] == (
        PersonChanged(person.person_id, "updated", ("heed", "note")),
        admin.user_id,
    )


async def test_kept_numbers_keep_their_history(rooms):
    person = await marta(rooms)
    other = await marta(rooms, name="Jonas")
    reading = rooms.customers.read_number("030901820")
    rooms.database.write_behind((), images=contacted(person.person_id, reading, rooms.clock.now()))
    await rooms.database.flush()
    await rooms.customers.update_person(SYSTEM, person.person_id, {"numbers": ["030 901820 ext. 7"], "emails": []})
    after = await rooms.customers.get_person(SYSTEM, person.person_id)
    assert [(p.value, p.extension) for p in after.contact_points] == [("+4930901820", "7")]
    assert (await candidates(rooms, "030901820"))[0][0] == "Marta Köhler"
    assert other.name == "Jonas"


async def test_an_organisation_is_joined_by_name_left_and_never_doubled(rooms):
    person = await marta(rooms)
    again = await marta(rooms, name="Jonas", organisation="nordlicht gmbh")
    assert again.organisation == person.organisation
    moved = await rooms.customers.update_person(SYSTEM, person.person_id, {"organisation_id": None})
    assert moved.organisation is None
    kept = await rooms.customers.update_person(SYSTEM, again.person_id, {"title": "CTO"})
    assert kept.organisation == person.organisation
    with pytest.raises(Invalid) as caught:
        await rooms.customers.update_person(SYSTEM, person.person_id, {"organisation_id": "nobody"})
    assert caught.value.fields == {"organisation_id": "unknown"}


@pytest.mark.parametrize(
    "values, wrong",
    [
        ({"numbers": ["hello"]}, {"numbers": "not-a-number"}),
        ({"numbers": ["anonymous"]}, {"numbers": "not-a-number"}),
        ({"numbers": ["112"]}, {"numbers": "short"}),
        ({"emails": ["no at"]}, {"emails": "not-an-address"}),
        ({"emails": ["a@b.example\nBcc: c@d.example"]}, {"emails": "not-an-address"}),
        ({"name": "  "}, {"name": "missing"}),
        ({"person_id": "x"}, {"person_id": "extra-forbidden"}),
        ({"team_id": "x", "created_at": 1}, {"created_at": "extra-forbidden", "team_id": "extra-forbidden"}),
        ({"numbers": [f"+4930901{n:03d}" for n in range(41)]}, {"numbers": "too-many"}),
    ],
)
async def test_wrong_values_are_named_and_nothing_is_stored(rooms, values, wrong):
    with pytest.raises(Invalid) as caught:
        await marta(rooms, **values)
    assert caught.value.fields == wrong
    assert await names(rooms, "") == []
    assert await rooms.events() == []


# ------------------------------------------------------------------ searching


async def test_search_looks_in_names_organisations_and_numbers(rooms):
    await marta(rooms)
    await rooms.customers.create_person(SYSTEM, {"name": "Dieter Falk", "numbers": ["0171 5502299"]})
    for query in ("kohl", "KÖHLER", "marta k", "nordlicht", "030 901820", "+49 30 901820", "901820"):
        assert await names(rooms, query) == ["Marta Köhler"], query
    assert await names(rooms, "550229") == ["Dieter Falk", "Marta Köhler"]
    assert await names(rooms, "") == ["Dieter Falk", "Marta Köhler"]


@pytest.mark.parametrize(
    "query", ["%", "_", "' OR 1=1 --", '"; DROP TABLE people; --', "\\", "100%_", "a' UNION SELECT 1"]
)
async def test_a_query_is_text_and_never_a_pattern_or_a_statement(rooms, query):
    await marta(rooms)
    assert await names(rooms, query) == []
    assert await names(rooms, "marta") == ["Marta Köhler"]


async def test_pages_follow_each_other_without_gap_or_repeat(rooms):
    for name in ("Ärger", "arger", "Zoe", "Bo", "bo"):
        await rooms.customers.create_person(SYSTEM, {"name": name})
    seen, cursor = [], None
    while True:
        page = await rooms.customers.list_people(SYSTEM, Paging(2, cursor))
        seen += [p.name for p in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == ["Ärger", "arger", "Bo", "bo", "Zoe"]


async def test_organisations_are_found_and_made_once(rooms):
    made = await rooms.customers.create_organisation(SYSTEM, "Werft Nord AG")
    assert await rooms.customers.create_organisation(SYSTEM, "werft nord ag") == made
    page = await rooms.customers.list_organisations(SYSTEM, Paging(), "NORD")
    assert [o.name for o in page.items] == ["Werft Nord AG"]


# ------------------------------------------------------------------ rights


async def test_below_site_scope_only_the_team_s_people_are_reached(rooms):
    team = await rooms.agents.save_team(SYSTEM, "Hamburg", frozenset())
    rights = {Right.CUSTOMERS_READ: Scope.TEAM, Right.CUSTOMERS_WRITE: Scope.TEAM}
    ours = replace(as_role("agent"), rights=rights, team_ids=frozenset({team.team_id}))
    foreign = await marta(rooms)
    mine = await rooms.customers.create_person(ours, {"name": "Ours", "organisation": "Ours"})
    assert mine.team_id == team.team_id
    assert await names(rooms, "", ours) == ["Ours"]
    assert [o.name for o in (await rooms.customers.list_organisations(ours, Paging())).items] == ["Ours"]
    with pytest.raises(NotFound):
        await rooms.customers.get_person(ours, foreign.person_id)
    with pytest.raises(NotFound):
        await rooms.customers.update_person(ours, foreign.person_id, {"name": "Taken"})
    assert await names(rooms, "", replace(ours, team_ids=frozenset({TeamId("other")}))) == []
    both = {mine.person_id, foreign.person_id}
    assert await rooms.customers.names(ours, both) == {mine.person_id: "Ours"}
    assert len(await rooms.customers.names(SYSTEM, both)) == 2
    assert await rooms.customers.names(replace(ours, rights={}), both) == {}


async def test_without_the_right_nothing_is_read_or_written(rooms):
    person, nobody = await marta(rooms), replace(as_role("agent"), rights={Right.SIGNED_IN: Scope.OWN})
    for act in (
        rooms.customers.list_people(nobody, Paging()),
        rooms.customers.get_person(nobody, person.person_id),
        rooms.customers.create_person(nobody, MARTA),
        rooms.customers.update_person(nobody, person.person_id, {"name": "X"}),
        rooms.customers.list_organisations(nobody, Paging()),
        rooms.customers.create_organisation(nobody, "X"),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_the_card_has_numbers_for_people(rooms):
    person = await marta(rooms, numbers=["030901820 ext. 5"], since=rooms.clock.now() - timedelta(days=30))
    card = await rooms.database.read(rooms.customers.card_query(person.person_id).run)
    assert card is not None
    assert card.numbers == ["+49 30 901820 ext. 5"]
    assert card.person == person
    assert await rooms.database.read(rooms.customers.card_query("nobody").run) is None
