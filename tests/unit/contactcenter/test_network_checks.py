"""What ``check`` says of addresses, ports, STUN, TURN, HTTPS and the phone's WebSocket."""

import pytest

from contactcenter.core.clock import SystemClock
from contactcenter.network_checks import network_lines
from contactcenter.settings import HttpSettings, PbxSettings, Settings
from tests.rig.certificates import make_certificate, make_key

TURN = {"server": "turn.example:3478", "username": "desk", "password": "a-secret-word"}


def told(folder, agents=6, http=None, **pbx):
    settings = Settings(data=folder, http=HttpSettings.model_validate(http or {}), pbx=PbxSettings.model_validate(pbx))
    return {line.name: line for line in network_lines(settings, agents, SystemClock().timestamp())}


def test_what_is_set_by_nobody_is_right_for_one_machine(tmp_path):
    lines = told(tmp_path)
    assert sorted(lines) == ["HTTPS", "STUN", "TURN", "address", "phone WebSocket", "sound ports"]
    assert all(line.ok for line in lines.values())
    assert "this machine only" in lines["address"].detail


@pytest.mark.parametrize(
    "http, pbx, name, words",
    [
        ({}, {"external_address": "192.0.2.10"}, "address", ["192.0.2.10", "pbx.bind_address"]),
        ({}, {"rtp": {"first": 10000, "last": 10009}}, "sound ports", ["10000-10009", "5 legs", "18", "36 ports"]),
        ({}, {"external_address": "192.0.2.10", "bind_address": "0.0.0.0"}, "STUN", ["inner addresses", "pbx.stun"]),
        ({}, {"turn": {"server": "turn.example:3478"}}, "TURN", ["turn.example", "nobody", "no password"]),
        ({}, {"turn": {**TURN, "server": ""}}, "TURN", ["no server"]),
        ({"host": "0.0.0.0"}, {}, "HTTPS", ["plain HTTP on 0.0.0.0", "tls_certificate"]),
        ({"secure_cookies": True}, {}, "phone WebSocket", ["ws://", "may not open", "/phone"]),
        ({"tls_certificate": "none.pem", "tls_key": "none.pem"}, {}, "HTTPS", ["none.pem", "No such file"]),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(tmp_path, http, pbx, name, words):
    line = told(tmp_path, http=http, **pbx)[name]
    assert not line.ok
    assert [word for word in words if word not in str(line)] == [], str(line)


@pytest.mark.parametrize(
    "http, pbx, name, words",
    [
        (
            {},
            {"external_address": "192.0.2.10", "bind_address": "10.0.0.5", "local_networks": ["10.0.0.0/8"]},
            "address",
            ["heard on 10.0.0.5; told as 192.0.2.10, except to 10.0.0.0/8"],
        ),
        (
            {},
            {"external_address": "192.0.2.10", "bind_address": "10.0.0.5"},
            "address",
            ["told as 192.0.2.10, to all, as pbx.local_networks is not set"],
        ),
        ({}, {"external_address": "192.0.2.10", "bind_address": "10.0.0.5"}, "STUN", ["not set"]),
        ({}, {"stun": "stun.example:3478"}, "STUN", ["stun.example:3478"]),
        ({}, {"turn": TURN}, "TURN", ["turn.example:3478 as desk", "the password is set"]),
        ({}, {"rtp": {"first": 10000, "last": 10035}}, "sound ports", ["18 legs", "need 18"]),
        ({"secure_cookies": True}, {"websocket": "/phone"}, "phone WebSocket", ["through this server"]),
        ({"secure_cookies": True}, {"websocket": "wss://pbx.example/ws"}, "phone WebSocket", ["wss://pbx.example/ws"]),
        ({"secure_cookies": True, "trusted_proxies": ["10.0.0.0/8"]}, {}, "HTTPS", ["proxy", "10.0.0.0/8"]),
        ({}, {"mode": "192.0.2.1:5038"}, "sound", ["rtp.conf"]),
    ],
)
def test_what_is_right_is_explained(tmp_path, http, pbx, name, words):
    line = told(tmp_path, http=http, **pbx)[name]
    assert line.ok
    assert [word for word in words if word not in str(line)] == [], str(line)


def test_a_certificate_is_told_with_its_names_and_its_end(tmp_path):
    key = make_key(tmp_path)
    certificate = make_certificate(tmp_path, key, host="desk.example")
    lines = told(tmp_path, http={"tls_certificate": certificate, "tls_key": key})
    assert "127.0.0.1, localhost, desk.example, until 20" in lines["HTTPS"].detail
    assert "/phone" in lines["phone WebSocket"].detail


def test_a_certificate_whose_date_is_past_is_told(tmp_path):
    key = make_key(tmp_path)
    over = make_certificate(tmp_path, key, days=-1)
    line = told(tmp_path, http={"tls_certificate": over, "tls_key": key})["HTTPS"]
    assert (line.ok, [word for word in ("ended at", str(over), "without a restart") if word not in str(line)]) == (
        False,
        [],
    )


def test_no_password_is_told(tmp_path):
    assert "a-secret-word" not in "".join(map(str, told(tmp_path, turn=TURN).values()))
