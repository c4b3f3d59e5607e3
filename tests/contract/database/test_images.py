import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    create_engine,
    select,
    update,
)

from contactcenter.core.clock import ManualClock
from contactcenter.core.events import Instant
from contactcenter.core.images import FIXED, Change

NOW = ManualClock().now()

TABLES = MetaData()
cats = Table(
    "cats",
    TABLES,
    Column("site", String(10), primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("name", String(20), nullable=False, default="unnamed"),
    Column("colours", JSON),
    Column("is_fed", Boolean),
    Column("fed_at", Instant),
    Column("chip", Integer),
    Column("born_at", Instant, info=FIXED),
    UniqueConstraint("chip"),
)


def cat(number, **values):
    return (cats, {"site": "a", "id": number, **values})


async def rows(database):
    await database.flush()
    return await database.read(lambda c: [dict(row._mapping) for row in c.execute(select(cats).order_by(cats.c.id))])


async def test_an_image_is_written_as_its_columns_types_say(database):
    database.write_behind((), images=[cat(1, name="Tom", colours=["grey"], is_fed=True, fed_at=NOW, chip=7)])
    assert await rows(database) == [
        {
            "site": "a",
            "id": 1,
            "name": "Tom",
            "colours": ["grey"],
            "is_fed": True,
            "fed_at": NOW,
            "chip": 7,
            "born_at": None,
        }
    ]


async def test_the_last_image_of_a_row_counts_and_what_it_does_not_name_stays(database, busy):
    database.write_behind((), images=[cat(1, name="Tom", is_fed=False, chip=1), cat(2, name="Kitty")])
    database.write_behind((), images=[cat(1, is_fed=True, chip=2)])
    busy()
    first, second = await rows(database)
    assert (first["name"], first["is_fed"], first["chip"]) == ("Tom", True, 2)
    assert second["name"] == "Kitty"


async def test_columns_stay_over_commits_too(database):
    database.write_behind((), images=[cat(1, name="Tom", is_fed=False)])
    await database.flush()
    database.write_behind((), images=[cat(1, is_fed=True)])
    (only,) = await rows(database)
    assert (only["name"], only["is_fed"]) == ("Tom", True)


async def test_a_fixed_column_keeps_what_the_rows_first_image_said(database):
    database.write_behind((), images=[cat(1, born_at=NOW, name="Tom")])
    await database.flush()
    database.write_behind((), images=[cat(1, born_at=NOW + timedelta(hours=1), name="Tim")])
    database.write_behind((), images=[cat(2, born_at=NOW)])
    await database.flush()
    database.write_behind((), images=[cat(2, born_at=NOW)])
    (first, second) = await rows(database)
    assert (first["born_at"], first["name"]) == (NOW, "Tim")
    assert second["born_at"] == NOW


@pytest.mark.parametrize("count", [1, 2, 3, 63, 64, 65, 200])
async def test_any_number_of_rows_goes_in_in_order(database, busy, count):
    for number in range(count):
        database.write_behind((), images=[cat(number, name=f"cat {number}", chip=number)])
    busy()
    assert [(row["id"], row["name"], row["chip"]) for row in await rows(database)] == [
        (number, f"cat {number}", number) for number in range(count)
    ]


async def test_a_column_no_image_named_has_its_default(database):
    database.write_behind((), images=[cat(1, is_fed=True)])
    assert (await rows(database))[0]["name"] == "unnamed"


async def test_a_unit_sees_the_images_queued_before_it_and_not_those_after(database, busy):
    database.write_behind((), images=[cat(1, name="Tom")])
    seen = asyncio.ensure_future(database.write(lambda tx: tx.execute(select(cats.c.name)).scalars().all()))
    await asyncio.sleep(0)
    database.write_behind((), images=[cat(2, name="Kitty")])
    busy()
    assert await seen == ["Tom"]


async def test_an_image_that_cannot_be_written_costs_its_own_unit_only(database, busy):
    database.write_behind((), images=[cat(1, chip=7)])
    database.write_behind((), images=[cat(2, chip=7)])
    database.write_behind((), images=[cat(3, fed_at="not an instant")])
    database.write_behind((), images=[cat(4, chip=8)])
    busy()
    assert [row["id"] for row in await rows(database)] == [1, 4]
    assert database.failed_units == 2


FED = Change(
    update(cats)
    .where(cats.c.name == bindparam("who"))
    .values(fed_at=bindparam("at"), chip=cats.c.chip + 1, is_fed=True)
)


async def test_a_change_is_made_after_the_images_before_it_and_counts_each_time(database, busy):
    database.write_behind((), images=[cat(1, name="Tom", chip=5)])
    database.write_behind((), images=[(FED, {"who": "Tom", "at": NOW})])
    database.write_behind((), images=[cat(2, name="Kitty"), (FED, {"who": "Tom", "at": NOW + timedelta(minutes=1)})])
    seen = asyncio.ensure_future(
        database.write(lambda tx: tx.execute(select(cats.c.chip).order_by(cats.c.id)).scalars().first())
    )
    await asyncio.sleep(0)
    busy()
    first, second = await rows(database)
    assert (first["chip"], first["is_fed"], first["fed_at"]) == (7, True, NOW + timedelta(minutes=1))
    assert (second["name"], second["is_fed"]) == ("Kitty", None)
    assert await seen == 7


async def test_a_change_that_cannot_be_made_costs_its_own_unit_only(database, busy):
    database.write_behind((), images=[cat(1, name="Tom", chip=5), cat(2, name="Kitty", chip=6)])
    database.write_behind((), images=[cat(3, name="Mimi"), (FED, {"who": "Tom", "at": NOW})])  # chip 6 is Kitty's
    database.write_behind((), images=[cat(4, name="Minou")])
    busy()
    assert [(row["id"], row["chip"]) for row in await rows(database)] == [(1, 5), (2, 6), (4, None)]
    assert database.failed_units == 1


def test_a_parameter_that_is_missing_is_named():
    engine = create_engine("sqlite://")
    with engine.begin() as connection, pytest.raises(KeyError, match="who"):
        FED.run(connection.connection.cursor(), "sqlite", {"at": NOW})
