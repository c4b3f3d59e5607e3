import dataclasses
import re
from pathlib import Path

import pytest

from contactcenter.core.errors import Invalid
from cti import dialplan_names as names
from cti import provision
from cti.installation import Installation
from cti.provision import EndpointKind, EndpointSettings, MediaSettings, PbxSettings, TrunkSettings

PREFIX = Path("/opt/a")
INSTALLATION = Installation(PREFIX / "asterisk", "Asterisk 22", PREFIX, PREFIX / "mod", PREFIX / "data")
BROWSER = EndpointSettings("agent-1", EndpointKind.BROWSER, "a" * 20)
DESK = EndpointSettings("agent-2", EndpointKind.DESK, "b" * 20)
FIXED = EndpointSettings("agent-3", EndpointKind.DESK, contact_uri="sip:agent-3@127.0.0.1:15999")
SETTINGS = PbxSettings(
    server_id="pbx-1",
    ami_port=5038,
    ami_secret="S" * 24,
    sip_port=5060,
    http_port=8088,
    agi_port=4573,
    recordings_dir=Path("/srv/recordings"),
    trunks=[TrunkSettings("carrier", "192.0.2.7", 5070)],
    endpoints=[BROWSER, DESK, FIXED],
)


def files(**changes: object) -> dict[str, str]:
    settings = dataclasses.replace(SETTINGS, **changes)  # type: ignore[arg-type]
    return dict(provision.standalone_files(settings, INSTALLATION, Path("/run/pbx")))


def sections(text: str, name: str) -> list[str]:
    """The bodies of all sections of this name, without comments."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith(";"))
    return [body for found, body in re.findall(r"^\[([^]]+)\]\n((?:(?!\[).*\n?)*)", lines, re.M) if found == name]


BREAKS = ("a\r\nb", "a\nb", "a;b", "a[b", "a]b", "a b", "a\0b", "", "x" * 300, "Ünïcode")


@pytest.mark.parametrize("value", BREAKS)
@pytest.mark.parametrize(
    "field", ["server_id", "ami_user", "ami_secret", "agi_host", "bind_address", "external_address", "recordings_dir"]
)
def test_text_that_could_break_a_file_is_refused_by_field(field: str, value: str) -> None:
    given: object = Path("/" + value + " ") if field == "recordings_dir" else value
    with pytest.raises(Invalid) as error:
        files(**{field: given})
    assert error.value.code == "pbx-settings"
    assert error.value.fields == {field: "format"}


@pytest.mark.parametrize("value", BREAKS)
@pytest.mark.parametrize("field", ["name", "secret"])
def test_endpoint_fields(field: str, value: str) -> None:
    with pytest.raises(Invalid) as error:
        files(endpoints=[BROWSER, dataclasses.replace(DESK, **{field: value})])
    assert error.value.fields == {f"endpoints.1.{field}": "format"}


@pytest.mark.parametrize(
    "uri",
    ["sip:x@h", "sip:a@h:1\nb", "sip:a@h:5060;user=phone", "tel:123", "sip:a b@h:1", "sips:a@h:1", "sip:a@[::1]:1"],
)
def test_contact_uri(uri: str) -> None:
    with pytest.raises(Invalid) as error:
        files(endpoints=[dataclasses.replace(FIXED, contact_uri=uri)])
    assert error.value.fields == {"endpoints.0.contact_uri": "format"}


@pytest.mark.parametrize("value", BREAKS)
@pytest.mark.parametrize("field", ["name", "host", "context"])
def test_trunk_fields(field: str, value: str) -> None:
    with pytest.raises(Invalid) as error:
        files(trunks=[dataclasses.replace(SETTINGS.trunks[0], **{field: value})])
    assert error.value.fields == {f"trunks.0.{field}": "format"}


@pytest.mark.parametrize("port", [0, -1, 65536])
@pytest.mark.parametrize("field", ["ami_port", "sip_port", "http_port", "agi_port"])
def test_ports(field: str, port: int) -> None:
    with pytest.raises(Invalid) as error:
        files(**{field: port})
    assert error.value.fields == {field: "range"}


def test_rtp_range_is_a_range() -> None:
    with pytest.raises(Invalid) as error:
        files(rtp_start=10000, rtp_end=10000)
    assert error.value.fields == {"rtp_end": "range"}


def test_names_are_unique() -> None:
    with pytest.raises(Invalid) as error:
        files(trunks=[TrunkSettings("agent-1", "192.0.2.7")])
    assert error.value.fields == {"endpoints": "duplicate"}


def test_every_context_and_name_of_ours_is_in_the_dialplan() -> None:
    text = files()["contactcenter_extensions.conf"]
    assert re.findall(r"^\[(.+)\]$", text, re.M) == [
        *(names.INBOUND, names.IVR, names.HOLD, names.FALLBACK, names.BRIDGE, names.JOIN),
        *(names.PARK, names.ALERT_TONE, names.CONFERENCE, names.INTERNAL),
        *(names.CALLBACK, names.REACHED, names.CHECK),
    ]
    assert set(re.findall(r"^\[(.+)\]$", text, re.M)) == set(names.CONTEXTS)
    assert f"[{names.MUSIC_CLASS}]" in files()["contactcenter_musiconhold.conf"]
    assert f"[{names.FALLBACK_QUEUE}]" in files()["contactcenter_queues.conf"]


def test_nothing_of_the_template_language_is_left() -> None:
    for name, text in files().items():
        assert not re.search(r"<<|>>|<%|%>|<#|#>", text), name


def test_caller_is_told_before_anything_else() -> None:
    text = files()["contactcenter_extensions.conf"]
    assert "Answer" not in sections(text, names.INBOUND)[0]
    assert "Answer" not in sections(text, names.IVR)[0]


def test_no_text_from_outside_in_expressions_or_applications() -> None:
    text = "\n".join(line for line in files()["contactcenter_extensions.conf"].splitlines() if not line.startswith(";"))
    assert "${CALLERID" not in text
    for name in (names.VAR_CALLED, names.VAR_SHOWN, names.VAR_RING):
        assert set(re.findall(rf"([^{{]*)\$\{{{name}\}}", text)) <= {"FILTER(+0-9,", "FILTER(0-9,"}
    raw_exten = [line for line in sections(text, names.INBOUND)[0].splitlines() if "${EXTEN}" in line]
    assert all("Set(CC_DIALED=${FILTER(+*#0-9a-zA-Z,${EXTEN})})" in line for line in raw_exten)


@pytest.mark.parametrize(
    "changes, trunk",
    [({}, "carrier"), ({"outbound": "Other.Trunk_1"}, "Other.Trunk_1"), ({"trunks": []}, "")],
)
def test_the_trunk_customers_are_called_over(changes: dict[str, object], trunk: str) -> None:
    body = sections(files(**changes)["contactcenter_extensions.conf"], names.CALLBACK)[0]
    dials = re.findall(r",Dial\(PJSIP/\$\{FILTER\(\+0-9,\$\{CC_CALLED\}\)\}@(.*?),", body)
    assert dials == ([trunk] if trunk else [])
    assert ("DIALSTATUS=CHANUNAVAIL" in body) is not bool(trunk)


@pytest.mark.parametrize("name", ["agent-1", "to-pbx2", "a,b", "a)b", "a@b", "a\nb", "x" * 50])
def test_what_cannot_be_a_trunk_outwards(name: str) -> None:
    with pytest.raises(Invalid) as error:
        files(outbound=name)
    assert error.value.fields == {"outbound": "format"}


def test_no_pattern_matches_asterisks_own_extensions() -> None:
    """h runs at the end of a call, T when its time is over: a pattern of one letter would run the flow again."""
    text = files()["contactcenter_extensions.conf"]
    for pattern in re.findall(r"^exten => _(\S+?),", text, re.M):
        expression = pattern.replace("+*#", r"+*\#").replace(".", ".+").replace("!", ".*")
        for special in ("h", "i", "t", "T", "e"):
            assert not re.fullmatch(expression, special), pattern


def test_guard_claims_then_looks_again() -> None:
    body = sections(files()["contactcenter_extensions.conf"], names.BRIDGE)[0]
    guard = '"${IMPORT(${CALLER_CHAN},CC_RES)}" != "${CC_RES}"'
    steps = [body.index(guard), body.index("Set(SHARED(CC_BRIDGED,${CALLER_CHAN})=${CC_RES})"), body.rindex(guard)]
    assert body.count(guard) == 2
    assert steps == sorted(steps)
    assert steps[-1] < body.index(",ChannelRedirect(")


def test_an_agents_leg_pulls_nobody_out_of_what_he_hears() -> None:
    """Decision 0017: who is pulled into a bridge while a file begins to play to him takes Asterisk with him."""
    text = files()["contactcenter_extensions.conf"]
    contexts = [name for name in names.CONTEXTS if any(",Bridge(" in one for one in sections(text, name))]
    assert contexts == [names.JOIN]


def test_ami_user_has_only_the_rights_it_needs() -> None:
    body = sections(files()["contactcenter_manager.conf"], "contactcenter")[0].splitlines()
    assert "read=call,user,reporting,dialplan,agent,system" in body
    assert "write=call,originate,reporting,system" in body
    assert "writetimeout=5000" in body
    assert "deny=0.0.0.0/0.0.0.0" in body
    assert "permit=127.0.0.1/255.255.255.255" in body
    filters = [line for line in body if line.startswith("eventfilter")]
    devices = "DeviceStateChange"
    plain = [f"eventfilter(action(include),name({event})) =" for event in names.AMI_EVENTS if event != devices]
    agents = f"eventfilter(action(include),name({devices}),header(Device),method(starts_with)) = PJSIP/agent-"
    assert filters == [*plain, agents]
    assert "timestampevents=yes" in files()["manager.conf"]
    assert "bindaddr=127.0.0.1" in files()["manager.conf"]


def test_browser_endpoint() -> None:
    endpoint, aor = sections(files()["contactcenter_pjsip.conf"], "agent-1")
    for line in ("webrtc=yes", "dtls_auto_generate_cert=yes", "rtp_timeout=3", "rtp_timeout_hold=3"):
        assert line in endpoint.splitlines()
    for line in ("context=cc-internal", "device_state_busy_at=1", "auth=agent-1-auth"):
        assert line in endpoint.splitlines()
    assert "max_contacts=1" in aor
    assert "remove_existing=yes" in aor
    assert f"password={'a' * 20}" in sections(files()["contactcenter_pjsip.conf"], "agent-1-auth")[0]


def test_desk_endpoint_may_be_silent() -> None:
    endpoint = sections(files()["contactcenter_pjsip.conf"], "agent-2")[0]
    assert "rtp_timeout" not in endpoint
    assert "webrtc" not in endpoint
    assert "allow=ulaw,alaw" in endpoint


def test_fixed_contact_can_be_rung_only() -> None:
    text = files()["contactcenter_pjsip.conf"]
    endpoint, aor = sections(text, "agent-3")
    assert "identify_by=auth_username" in endpoint
    assert "auth=" not in endpoint
    assert "contact=sip:agent-3@127.0.0.1:15999" in aor
    assert "qualify_frequency=0" in aor
    assert not sections(text, "agent-3-auth")


def test_trunk_is_identified_by_address_and_port() -> None:
    assert "match=192.0.2.7:5070\n" in files()["contactcenter_pjsip.conf"]
    any_port = [TrunkSettings("carrier", "192.0.2.7", any_port=True)]
    assert "match=192.0.2.7\n" in files(trunks=any_port)["contactcenter_pjsip.conf"]
    assert "endpoint_identifier_order=header,request_uri,username,auth_username,ip,anonymous\n" in files()["pjsip.conf"]


def test_without_rounds_the_fallback_never_ends() -> None:
    assert "Record(" in files()["contactcenter_extensions.conf"]
    assert "Record(" not in files(fallback_rounds=0)["contactcenter_extensions.conf"]


def test_cel_line_has_our_fields_all_quoted() -> None:
    line = next(row for row in files()["contactcenter_cel_custom.conf"].splitlines() if "=>" in row)
    name, _, value = line.partition(" => ")
    assert name == names.CEL_FILE
    assert value.count("${CSV_QUOTE(") == len(names.CEL_FIELDS)


def test_run_folder_is_complete_and_written_again_without_leftovers(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, recordings_dir=tmp_path / "recordings")
    folder = provision.write_run_folder(settings, INSTALLATION, tmp_path / "pbx")
    (folder.etc / "old.conf").write_text("left over")
    before = (folder.config_hash(), folder.reload_hash())
    provision.write_run_folder(settings, INSTALLATION, tmp_path / "pbx")
    assert not (folder.etc / "old.conf").exists()
    assert {path.name for path in folder.path.iterdir()} >= {"etc", "lib", "spool", "run", "log", "keys"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.etc.iterdir())
    assert (folder.config_hash(), folder.reload_hash()) == (provision.RunFolder(folder.path).config_hash(), before[1])


def test_run_folder_too_deep_for_asterisks_socket() -> None:
    with pytest.raises(Invalid) as error:
        provision.standalone_files(SETTINGS, INSTALLATION, Path("/" + "d" * 90))
    assert error.value.fields == {"run_folder": "too-long"}


def test_new_agent_needs_a_reload_only(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, recordings_dir=tmp_path / "recordings")
    folder = provision.write_run_folder(settings, INSTALLATION, tmp_path)
    restart, reload = folder.config_hash(), folder.reload_hash()
    more = [*SETTINGS.endpoints, EndpointSettings("agent-4", EndpointKind.DESK, "c" * 20)]
    provision.write_run_folder(dataclasses.replace(settings, endpoints=more), INSTALLATION, tmp_path)
    assert folder.config_hash() == restart
    assert folder.reload_hash() != reload
    provision.write_run_folder(dataclasses.replace(settings, ami_port=5039), INSTALLATION, tmp_path)
    assert folder.config_hash() != restart


def test_users_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "extensions.conf").write_text("[mine]\n")
    instructions = provision.write_include_files(SETTINGS, INSTALLATION, tmp_path)
    assert (tmp_path / "extensions.conf").read_text() == "[mine]\n"
    written = {path.name for path in tmp_path.iterdir()} - {"extensions.conf"}
    assert all(name.startswith("contactcenter_") for name in written)
    assert "extensions.conf: add the line  #include contactcenter_extensions.conf" in instructions
    assert len([line for line in instructions if "#include contactcenter_" in line]) == len(written)


MEDIA = MediaSettings(["10.0.0.0/8"], "stun.example:3478", "turn.example:3478", "desk", "a-secret-word")


def test_media_settings_are_written_where_asterisk_reads_them() -> None:
    told = files(media=MEDIA, external_address="192.0.2.10", bind_address="10.0.0.5", rtp_start=20000, rtp_end=20999)
    (general,) = sections(told["rtp.conf"], "general")
    assert general.split() == [
        *("rtpstart=20000", "rtpend=20999", "icesupport=yes", "strictrtp=yes", "stunaddr=stun.example:3478"),
        *("turnaddr=turn.example:3478", "turnusername=desk", "turnpassword=a-secret-word"),
    ]
    (candidates,) = sections(told["rtp.conf"], "ice_host_candidates")
    assert candidates.strip() == "10.0.0.5 => 192.0.2.10,include_local_address"
    for transport in ("transport-udp", "transport-tcp"):
        (lines,) = sections(told["pjsip.conf"], transport)
        assert "external_media_address=192.0.2.10\nlocal_net=10.0.0.0/8\n" in lines


def test_what_is_not_set_is_not_written() -> None:
    told = files(external_address="192.0.2.10", bind_address="0.0.0.0")
    assert not re.search("stun|turn|ice_host", told["rtp.conf"])
    assert "local_net" not in told["pjsip.conf"]


@pytest.mark.parametrize("value", [one for one in BREAKS if one])
@pytest.mark.parametrize("field", ["stun", "turn", "turn_username", "turn_password"])
def test_media_fields(field: str, value: str) -> None:
    with pytest.raises(Invalid) as error:
        files(media=dataclasses.replace(MEDIA, **{field: value}))
    assert error.value.fields == {f"media.{field}": "format"}


@pytest.mark.parametrize("is_local, address", [(True, "127.0.0.1"), (False, "10.0.0.5")])
def test_the_http_port_listens_where_it_is_asked(is_local: bool, address: str) -> None:
    told = files(bind_address="10.0.0.5", is_websocket_local=is_local, http_port=8088)
    (general,) = sections(told["http.conf"], "general")
    assert f"bindaddr={address}\n" in general
    (transport,) = sections(told["pjsip.conf"], "transport-ws")
    assert f"bind={address}:8088\n" in transport
    (sip,) = sections(told["pjsip.conf"], "transport-udp")
    assert "bind=10.0.0.5:" in sip
