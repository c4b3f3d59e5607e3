"""Every kind of event, by its declaration: ids, codes, instants and counts; no field has room for who somebody is."""

import dataclasses
import typing
from datetime import datetime
from enum import StrEnum

import pytest

import contactcenter.bootstrap  # noqa: F401 - declares every event
from contactcenter.core.events import Event, kinds

CODES = {
    "about",  # the id of an interaction or a leg
    "by",
    "change",
    "code",
    "disposition",
    "failure",
    "fields",  # names of what changed, never to what
    "medium",
    "pbx_started",  # an instant as the PBX tells it
    "presence",
    "reason",
    "skills",  # id -> level
    "state",
    "to_flow",  # the name of a flow file of the site
    "why",  # ids, codes and counts; test_rows looks into it
}
PLAIN = (bool, int, float, datetime)


def parts(kind: object) -> set[object]:
    return {one for one in typing.get_args(kind) if one is not type(None)} or {kind}


def is_harmless(name: str, kind: object) -> bool:
    plain = all(one in PLAIN or (isinstance(one, type) and issubclass(one, StrEnum)) for one in parts(kind))
    return plain or name.endswith("_id") or name in CODES


OURS = {name: kind for name, kind in kinds().items() if not kind.__module__.startswith("tests.")}


@pytest.mark.parametrize("kind", OURS.values(), ids=OURS)
def test_an_event_holds_no_number_name_or_text(kind: type[Event]) -> None:
    types = typing.get_type_hints(kind)
    fields = {field.name: types[field.name] for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    assert [name for name, one in fields.items() if not is_harmless(name, one)] == []


@pytest.mark.parametrize("name", ["caller_number", "name", "text", "note", "email", "subject"])
def test_a_text_would_be_found(name: str) -> None:
    assert not is_harmless(name, str)
    assert not is_harmless(name, str | None)
