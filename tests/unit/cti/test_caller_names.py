import pytest

from cti.caller_names import from_events, from_request


@pytest.mark.parametrize(
    "told,meant",
    [
        ("Marta Köhler", "Marta Köhler"),
        ('Eve \\\\\\"x\\\\\\"', 'Eve "x"'),
        ("O\\'Brien", "O'Brien"),
        ("C:\\\\\\\\new", "C:\\new"),
        ("two\\nlines", "two lines"),
        ("ends with \\", "ends with \\"),
        ("", ""),
    ],
)
def test_an_event_escapes_what_sip_escaped_before(told: str, meant: str) -> None:
    assert from_events(told) == meant


@pytest.mark.parametrize("told,meant", [('Eve \\"x\\"', 'Eve "x"'), ("a\\\\b", "a\\b"), ("O'Brien", "O'Brien")])
def test_a_request_has_the_escapes_of_sip_alone(told: str, meant: str) -> None:
    assert from_request(told) == meant
