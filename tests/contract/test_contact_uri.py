"""What the agents room lets through as a phone's address, provisioning takes: or one PATCH would end the next start."""

import itertools

import pytest

from contactcenter.agents.model import DeviceKind, check_contact_uri
from contactcenter.core.errors import Invalid
from cti import provision

SCHEMES = ("sip:", "sips:", "SIP:", "", "tel:")
USERS = ("1001", "agent-1001", "a_b", "A1001", "a.b", "x" * 40, "x" * 41, "", "ü", "1 0")
HOSTS = (
    "10.0.0.7",
    "phone.example",
    "Phone.Example",
    "-a",
    "a-",
    "a..b",
    "[::1]",
    "x" * 120,
    "x" * 121,
    "",
    "a;b",
    "a\nb",
    "ü",
)
PORTS = (":5060", ":1", ":65535", ":65536", ":0", ":00001", ":123456", ":", "", ":\u0665\u0660\u0666\u0660")
PARAMETERS = ("", ";transport=udp", ";transport=tcp", ";transport=tls", ";transport=ws", ";x", " ", "\n", "\nexec=1")


def allowed(uri: str) -> bool:
    try:
        check_contact_uri(uri, DeviceKind.DESK)
    except Invalid:
        return False
    return True


def provisioned(uri: str) -> bool:
    wrong: dict[str, str] = {}
    endpoint = provision.EndpointSettings("agent-1001", provision.EndpointKind.DESK, "", uri)
    provision._check_endpoint(endpoint, "endpoint", wrong)
    return not wrong


def test_whatever_the_room_allows_is_provisioned() -> None:
    uris = [
        scheme + user + "@" + host + port + more
        for scheme, user, host, port, more in itertools.product(SCHEMES, USERS, HOSTS, PORTS, PARAMETERS)
    ]
    passed = [uri for uri in uris if allowed(uri)]
    assert len(passed) > 50, "the check still lets plain addresses through"
    assert [uri for uri in passed if not provisioned(uri)] == []


@pytest.mark.parametrize("uri", ["sip:1001@10.0.0.7:5060", "sip:1001@phone.example:5060;transport=tcp"])
def test_plain_addresses(uri: str) -> None:
    assert allowed(uri)
    assert provisioned(uri)


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_a_port_that_is_none(port: str) -> None:
    assert not allowed(f"sip:1001@10.0.0.7:{port}")
