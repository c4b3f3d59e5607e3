"""The list outside the server notices whatever is lost or doubled."""

import pytest

from tests.rig.desks import Ledger

PART = ("i1", "a1")


class Rows:
    """Stands for a server's database."""

    def __init__(self, note="n2", disposition="solved", tickets=(("t1", "one"),)):
        self.segments = [{"interaction_id": "i1", "agent_id": "a1", "note": note, "disposition": disposition}]
        self.tickets = [{"id": number, "subject": subject} for number, subject in tickets]

    def rows(self, query):
        return self.segments if "segments" in query else self.tickets


def ledger():
    made = Ledger()
    made.notes[PART], made.kept_notes[PART] = ["n1", "n2", "n3"], 1
    made.dispositions[PART], made.sent_dispositions[PART] = "solved", {"solved"}
    made.tickets, made.sent_tickets = {"one": "t1"}, {"one", "two"}
    return made


@pytest.mark.parametrize("rows", [Rows(), Rows(note="n3"), Rows(tickets=(("t1", "one"), ("t2", "two")))])
def test_what_was_acknowledged_is_there_and_what_was_sent_may_be(rows):
    assert ledger().missing(rows) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (Rows(note="n1"), "note of"),
        (Rows(note=""), "note of"),
        (Rows(disposition=""), "disposition of"),
        (Rows(disposition="ticket"), "disposition of"),
        (Rows(tickets=()), "'one' is lost"),
        (Rows(tickets=(("t9", "one"),)), "'one' is lost"),
        (Rows(tickets=(("t1", "one"), ("t2", "two"), ("t3", "two"))), "'two' is there 2 times"),
        (Rows(tickets=(("t1", "one"), ("t2", "three"))), "'three' was never sent"),
    ],
)
def test_what_is_lost_doubled_or_nobodys_is_told(rows, words):
    (found,) = ledger().missing(rows)
    assert words in found
