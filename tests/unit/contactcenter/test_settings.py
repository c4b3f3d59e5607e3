"""Settings that would only fail later are refused at once, with their name."""

import pytest
from pydantic import ValidationError

from contactcenter.phone_addresses import ice_servers, phone_settings, websocket_from_here
from contactcenter.settings import HttpSettings, PbxSettings, Settings
from contactcenter.site_servers import managed_pbx
from cti.managed_pbx import keep_numbers


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_an_unknown_time_zone_is_named(zone, tmp_path):
    with pytest.raises(ValidationError, match="time zone") as refused:
        Settings(data=tmp_path, timezone=zone)
    assert refused.value.errors()[0]["loc"] == ("timezone",)


@pytest.mark.parametrize("field", ["bind_address", "external_address"])
def test_an_address_is_an_address(field):
    with pytest.raises(ValidationError, match="IPv4"):
        PbxSettings.model_validate({field: "everywhere"})


def test_our_asterisk_is_bound_and_named_as_set(tmp_path):
    pbx = PbxSettings(bind_address="0.0.0.0", external_address="192.0.2.10")
    told = managed_pbx(Settings(data=tmp_path, pbx=pbx), keep_numbers(tmp_path, 8080)).settings
    assert (told.bind_address, told.external_address) == ("0.0.0.0", "192.0.2.10")
    assert managed_pbx(Settings(data=tmp_path), keep_numbers(tmp_path, 8080)).settings.bind_address == "127.0.0.1"


TURN = {"server": "turn.example:3478", "username": "desk", "password": "a-secret-word"}


@pytest.mark.parametrize(
    "given",
    [
        {"rtp": {"first": 10000, "last": 10001}},
        {"rtp": {"first": 20000, "last": 10000}},
        {"rtp": {"first": 80, "last": 10000}},
        {"rtp": {"first": 10000, "last": 70000}},
        {"stun": "stun.example"},
        {"stun": "stun.example:3478\nturnaddr=evil"},
        {"turn": {**TURN, "username": "a;b"}},
        {"turn": {**TURN, "password": "a\nb"}},
        {"turn": {**TURN, "password": "a b"}},
        {"local_networks": ["10.0.0.0/33"]},
        {"local_networks": ["fe80::/10"]},
        {"websocket": "https://desk.example"},
        {"websocket": "wss://a b"},
        {"websocket": "wss://a; script-src *"},
    ],
)
def test_what_would_break_a_file_or_a_header_is_refused_and_no_secret_is_told(given):
    with pytest.raises(ValidationError) as refused:
        PbxSettings.model_validate(given)
    assert "a b" not in "".join(one["msg"] for one in refused.value.errors())


def test_media_settings_reach_asterisk_and_the_browser(tmp_path):
    given = {
        "rtp": {"first": 20000, "last": 20999},
        "stun": "stun.example:3478",
        "turn": TURN,
        "external_address": "192.0.2.10",
        "bind_address": "10.0.0.5",
        "local_networks": ["10.0.0.0/8"],
        "sip_port": 5060,
        "http_port": 8088,
    }
    pbx = PbxSettings.model_validate(given)
    managed = managed_pbx(Settings(data=tmp_path, pbx=pbx), keep_numbers(tmp_path, 8080))
    assert (managed.settings.rtp_start, managed.settings.rtp_end) == (20000, 20999)
    assert (managed.settings.sip_port, managed.settings.http_port, managed.numbers.http_port) == (5060, 8088, 8088)
    assert managed.settings.media.turn_password == "a-secret-word"
    assert "a-secret-word" not in repr(managed.settings)
    assert "a-secret-word" not in repr(pbx)
    stun, turn = ice_servers(pbx)
    assert stun.urls == ("stun:stun.example:3478",)
    assert turn.urls == ("turn:turn.example:3478?transport=udp", "turn:turn.example:3478?transport=tcp")
    assert (turn.username, turn.credential) == ("desk", "a-secret-word")
    assert "a-secret-word" not in repr(turn)


@pytest.mark.parametrize("given", [{"tls_key": "k.pem"}, {"tls_certificate": "c.pem"}, {"trusted_proxies": ["proxy"]}])
def test_half_a_pair_and_a_name_for_a_network_are_refused(given):
    with pytest.raises(ValidationError):
        HttpSettings.model_validate(given)


def test_a_secure_page_and_a_plain_phone_do_not_go_together(tmp_path):
    http = HttpSettings.model_validate({"tls_certificate": "c.pem", "tls_key": "k.pem"})
    with pytest.raises(ValidationError, match="wss"):
        Settings(data=tmp_path, http=http, pbx=PbxSettings(websocket="ws://192.0.2.1:8088/ws"))


@pytest.mark.parametrize(
    "http, pbx, own_port, browsers, ours",
    [
        ({}, {}, 8099, "ws://127.0.0.1:8099/ws", "ws://127.0.0.1:8099/ws"),
        (
            {},
            {"bind_address": "0.0.0.0", "sip_host": "pbx.lan"},
            8099,
            "ws://pbx.lan:8099/ws",
            "ws://127.0.0.1:8099/ws",
        ),
        ({}, {"bind_address": "10.0.0.5"}, 8099, "ws://127.0.0.1:8099/ws", "ws://10.0.0.5:8099/ws"),
        ({}, {"mode": "192.0.2.1:5038"}, None, "ws://127.0.0.1:8088/ws", "ws://192.0.2.1:8088/ws"),
        (
            {},
            {"mode": "192.0.2.1:5038", "http_port": 8188, "sip_host": "pbx.lan"},
            None,
            "ws://pbx.lan:8188/ws",
            "ws://192.0.2.1:8188/ws",
        ),
        ({"tls_certificate": "c", "tls_key": "k"}, {}, 8099, "/phone", "ws://127.0.0.1:8099/ws"),
        ({}, {"websocket": "/phone", "bind_address": "10.0.0.5"}, 8099, "/phone", "ws://127.0.0.1:8099/ws"),
        ({}, {"websocket": "/phone"}, 8099, "/phone", "ws://127.0.0.1:8099/ws"),
        ({"secure_cookies": True}, {"websocket": "wss://a/ws"}, 8099, "wss://a/ws", "ws://127.0.0.1:8099/ws"),
    ],
)
def test_where_browsers_phones_connect_and_how_we_reach_the_pbx(tmp_path, http, pbx, own_port, browsers, ours):
    given = Settings(data=tmp_path, http=HttpSettings.model_validate(http), pbx=PbxSettings.model_validate(pbx))
    assert phone_settings(given, own_port).websocket == browsers
    assert websocket_from_here(given, own_port) == ours


@pytest.mark.parametrize(
    "http, websocket, address",
    [
        ({"tls_certificate": "c", "tls_key": "k"}, "", "127.0.0.1"),
        ({}, "/phone", "127.0.0.1"),
        ({}, "", "10.0.0.5"),
        ({"tls_certificate": "c", "tls_key": "k"}, "wss://desk.example/ws", "10.0.0.5"),
    ],
)
def test_behind_the_phone_line_asterisk_opens_its_http_port_to_this_machine_only(tmp_path, http, websocket, address):
    pbx = PbxSettings(bind_address="10.0.0.5", websocket=websocket)
    given = Settings(data=tmp_path, http=HttpSettings.model_validate(http), pbx=pbx)
    managed = managed_pbx(given, keep_numbers(tmp_path, 8080)).settings
    assert (managed.http_address, managed.bind_address) == (address, "10.0.0.5")
