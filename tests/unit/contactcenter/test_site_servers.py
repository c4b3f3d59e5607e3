"""Settings of several servers: what is refused, what each is told of the others, what ``check`` says of each."""

import pytest
from pydantic import ValidationError

from contactcenter import checks
from contactcenter.agents.model import Device, DeviceKind, DeviceMode
from contactcenter.core.errors import Invalid, NotFound
from contactcenter.core.ids import DeviceId, ServerId
from contactcenter.phone_addresses import connect_sources, phones_of, websocket_of
from contactcenter.provisioning import provision
from contactcenter.settings import Settings
from contactcenter.site_servers import find_foreign, foreign_pbx, foreign_servers, managed_pbx, server_ids
from cti.managed_pbx import DEMO_TRUNK, keep_numbers
from cti.provision import PACKAGED, include_files

SECRET = "Trunk1Secret2Of3The4Site"


def further(**more):
    given = {"server_id": "pbx2", "ami": "192.0.2.2:5038", "ami_secret": "Ami1Secret2Of3Pbx2", "agi_port": 4574}
    return {**given, "sip": "192.0.2.2:5060", **more}


def settings(folder, *servers, **pbx):
    return Settings(data=folder, pbx={"trunk_secret": SECRET, **pbx}, servers=servers)


@pytest.mark.parametrize(
    "servers, pbx, word",
    [
        ([further(server_id="pbx1")], {}, "server_id pbx1"),
        ([further(), further(server_id="pbx3", ami="192.0.2.3:5038", sip="192.0.2.3:5060")], {}, "agi_port"),
        ([further(), further(server_id="pbx3", ami="192.0.2.3:5038", agi_port=4575)], {}, "sip"),
        ([further()], {"mode": "192.0.2.2:5038", "sip": "192.0.2.1:5060"}, "ami"),
        ([further()], {"trunk_secret": ""}, "trunk_secret"),
        ([further()], {"trunk_secret": "short"}, "16 to 64"),
        ([further()], {"trunks": [{"name": "t", "host": "192.0.2.2", "any_port": True}]}, "another server's"),
        ([further(server_id="PBX 2")], {}, "pattern"),
    ],
)
def test_what_two_servers_cannot_share_is_refused(tmp_path, servers, pbx, word):
    with pytest.raises(ValidationError, match=word):
        settings(tmp_path, *servers, **pbx)


CARRIERS = [{"name": "one", "host": "192.0.2.8"}, {"name": "two", "host": "192.0.2.9"}]


@pytest.mark.parametrize(
    "pbx, trunk",
    [({}, DEMO_TRUNK), ({"trunks": CARRIERS}, "one"), ({"trunks": CARRIERS, "outbound": "two"}, "two")],
)
def test_the_trunk_of_ours_that_customers_are_called_over(tmp_path, pbx, trunk):
    made = managed_pbx(settings(tmp_path, **pbx), keep_numbers(tmp_path, 8080)).settings
    assert made.outbound_trunk == trunk
    assert DEMO_TRUNK in [one.name for one in made.trunks]


@pytest.mark.parametrize(
    "more, trunk", [({}, ""), ({"trunks": CARRIERS}, "one"), ({"outbound": "Provider.1"}, "Provider.1")]
)
def test_the_trunk_of_somebody_elses_that_customers_are_called_over(tmp_path, more, trunk):
    given = settings(tmp_path, further(**more), sip="192.0.2.1:5062")
    server = find_foreign(given, "pbx2")
    assert server.calls_out is bool(trunk)
    assert foreign_pbx(given, server, []).outbound_trunk == trunk


@pytest.mark.parametrize("outbound, word", [("two", "none of trunks"), ("agent-1001", "endpoint"), ("a b", "endpoint")])
def test_a_trunk_that_is_none(tmp_path, outbound, word):
    with pytest.raises(ValidationError, match=word):
        settings(tmp_path, outbound=outbound)


def test_one_server_needs_none_of_it(tmp_path):
    given = Settings(data=tmp_path)
    assert server_ids(given) == ("pbx1",)
    assert managed_pbx(given, keep_numbers(tmp_path, 8080)).settings.servers == ()


def test_each_is_told_of_the_others_and_shows_them_what_they_expect(tmp_path):
    given = settings(tmp_path, further(), sip="192.0.2.1:5062")
    (far,) = managed_pbx(given, keep_numbers(tmp_path, 8080)).settings.servers
    (near,) = foreign_pbx(given, find_foreign(given, "pbx2"), []).servers
    assert (far.server_id, far.host, far.port) == ("pbx2", "192.0.2.2", 5060)
    assert (near.server_id, near.host, near.port) == ("pbx1", "192.0.2.1", 5062)
    assert (far.secret_in, far.secret_out) == (near.secret_out, near.secret_in)
    assert far.secret_in != far.secret_out
    assert SECRET not in repr(far) + repr(given)


def test_ours_is_where_it_is_bound_unless_that_is_everywhere(tmp_path):
    numbers = keep_numbers(tmp_path, 8080)
    given = settings(tmp_path, further())
    (near,) = foreign_pbx(given, find_foreign(given, "pbx2"), [], numbers.sip_port).servers
    assert (near.host, near.port) == ("127.0.0.1", numbers.sip_port)
    with pytest.raises(Invalid, match="server-address-missing"):
        managed_pbx(settings(tmp_path, further(), bind_address="0.0.0.0"), numbers)


def test_only_its_own_agents_phones_stand_in_a_servers_files(tmp_path):
    given = settings(tmp_path, further(), sip="192.0.2.1:5062")
    kinds = (DeviceKind.DESK, DeviceMode.RING)
    devices = [
        Device(DeviceId(s), ServerId(s), f"agent-{n}", *kinds, "s" * 20) for s, n in (("pbx1", 11), ("pbx2", 12))
    ]
    files = include_files(foreign_pbx(given, find_foreign(given, "pbx2"), devices), PACKAGED)
    lead = files["contactcenter_extensions.conf"].partition("[cc-server]")[2].partition("[cc-server-leg]")[0]
    assert [line.split(",")[0] for line in lead.splitlines() if line.startswith("exten")] == ["exten => agent-12"]
    assert "include" not in lead
    assert "Goto(cc-" not in lead, "nothing leads into the flow, or out"
    pjsip = files["contactcenter_pjsip.conf"]
    assert "[to-pbx1]\ntype=endpoint\ncontext=cc-server\n" in pjsip
    assert "match=192.0.2.1:5062\n" in pjsip
    assert "auth=to-pbx1-in\n" in pjsip, "the address alone is not believed"


def test_one_server_has_no_such_context(tmp_path):
    alone = managed_pbx(Settings(data=tmp_path), keep_numbers(tmp_path, 8080)).settings
    assert "cc-server" not in "".join(include_files(alone, PACKAGED).values())


async def test_provision_writes_the_files_of_the_server_that_is_named(tmp_path):
    given, etc = settings(tmp_path / "data", further(), sip="192.0.2.1:5062"), tmp_path / "etc"
    etc.mkdir()
    from contactcenter.bootstrap import ContactCenter
    from contactcenter.core.migrations import migrate

    database = ContactCenter(given).base.database
    await database.prepare(migrate)
    await database.close()
    await provision(given, etc, "pbx2")
    assert "agi://127.0.0.1:4574/ivr" in (etc / "contactcenter_extensions.conf").read_text()
    with pytest.raises(NotFound, match="server-unknown"):
        await provision(given, etc, "pbx9")


def test_only_our_own_server_opens_its_websocket_to_this_machine_behind_the_phone_line(tmp_path):
    given = settings(tmp_path, further(), websocket="/phone", sip="192.0.2.1:5062", bind_address="0.0.0.0")
    assert managed_pbx(given, keep_numbers(tmp_path, 8080)).settings.http_address == "127.0.0.1"
    assert websocket_of(given, ServerId("pbx1"), 8089) == "ws://127.0.0.1:8089/ws"
    assert not foreign_pbx(given, find_foreign(given, "pbx2"), []).is_websocket_local


async def test_check_tells_of_each_server_by_its_name(tmp_path):
    ami = {"ami": "127.0.0.1:1", "sip": "127.0.0.1:5060"}
    lines = await checks.run_checks(settings(tmp_path, further(**ami), mode="127.0.0.1:2", sip="127.0.0.1:5061"))
    assert [line for line in lines if line.startswith("WRONG pbx2: AMI: 127.0.0.1:1 takes no connection")]
    assert [line for line in lines if line.startswith("WRONG pbx1: AMI")]


def test_phones_register_at_the_server_their_agent_is_on(tmp_path):
    given = settings(tmp_path, further(websocket="wss://two.example/ws"))
    phones = phones_of(given, 8089)
    assert phones.of(ServerId("pbx2")).websocket == "wss://two.example/ws"
    assert phones.of(ServerId("pbx1")).websocket == "ws://127.0.0.1:8089/ws"
    assert connect_sources(phones) == ("ws://127.0.0.1:8089/ws", "wss://two.example/ws")
    assert websocket_of(given, ServerId("pbx2"), 8089) == "ws://192.0.2.2:8088/ws"
    with pytest.raises(NotFound):
        phones.of(ServerId("pbx9"))
    assert [one.server_id for one in foreign_servers(given)] == ["pbx2"]
