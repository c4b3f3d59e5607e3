from datetime import UTC, datetime

from contactcenter.customers.model import Because, Candidates, Match, rank, search_key

JANUARY, MAY = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC)


def match(name, *, own=True, extension="", last=None, count=0):
    return Match(name, name, "Nordlicht", False, "de", own, extension, last, count)


def ranked(*matches, extension=""):
    return [(c.name, c.confidence, c.because) for c in rank(matches, extension)]


def test_the_only_owner_of_a_number_is_nearly_certain():
    assert ranked(match("marta")) == [("marta", 92, Because.NUMBER_MATCHES)]


def test_a_shared_number_is_ranked_by_last_contact_and_lowered():
    found = ranked(match("old", last=JANUARY, count=9), match("never"), match("recent", last=MAY, count=1))
    assert found == [
        ("recent", 56, Because.NUMBER_SHARED),
        ("old", 46, Because.NUMBER_SHARED),
        ("never", 36, Because.NUMBER_SHARED),
    ]


def test_the_count_decides_between_contacts_at_the_same_time():
    found = ranked(match("seldom", last=MAY, count=1), match("often", last=MAY, count=5))
    assert [name for name, *_ in found] == ["often", "seldom"]


def test_those_the_history_does_not_tell_apart_are_equal_and_nobody_is_shown_as_the_caller():
    found = rank([match("one"), match("two")], "")
    assert [c.confidence for c in found] == [68, 68]
    assert Candidates(tuple(found)).best is None


def test_the_likeliest_is_shown():
    found = Candidates(tuple(rank([match("one"), match("two", last=MAY)], "")))
    assert found.best is not None
    assert found.best.name == "two"


def test_more_people_make_each_less_certain():
    confidences = [rank([match(str(n)) for n in range(count)], "")[0].confidence for count in range(1, 6)]
    assert confidences == [92, 68, 56, 50, 50]


def test_an_extension_picks_one_out_of_a_company():
    found = ranked(
        match("marta", extension="12", last=JANUARY), match("jonas", extension="13", last=MAY), extension="12"
    )
    assert found == [("marta", 88, Because.EXTENSION_MATCHES), ("jonas", 40, Because.NUMBER_SHARED)]


def test_an_extension_nobody_has_makes_nobody_certain():
    assert ranked(match("marta"), extension="99") == [("marta", 80, Because.NUMBER_SHARED)]


def test_a_company_s_number_names_its_only_person_hardly_and_several_less():
    assert ranked(match("marta", own=False)) == [("marta", 55, Because.ORGANISATION_NUMBER)]
    several = ranked(match("a", own=False, last=MAY), match("b", own=False, last=JANUARY), match("c", own=False))
    assert several == [
        ("a", 45, Because.ORGANISATION_NUMBER),
        ("b", 35, Because.ORGANISATION_NUMBER),
        ("c", 25, Because.ORGANISATION_NUMBER),
    ]


def test_an_owner_comes_before_his_colleagues():
    found = ranked(match("colleague", own=False, last=MAY), match("owner"))
    assert found == [("owner", 92, Because.NUMBER_MATCHES), ("colleague", 30, Because.ORGANISATION_NUMBER)]


def test_confidence_never_falls_below_ten():
    assert min(c.confidence for c in rank([match(str(n), count=n, last=MAY) for n in range(12)], "")) == 10


def test_nobody():
    assert rank([], "") == []
    assert Candidates().best is None


def test_names_are_alike_without_case_and_accents():
    assert search_key("  Marta   KÖHLER ") == "marta kohler"
    assert search_key("Straße") == "strasse"
    assert len(search_key("ß" * 400)) == 200
