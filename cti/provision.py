"""Writes Asterisk's configuration from the templates in config/asterisk.

Two uses. ``write_include_files`` puts ``contactcenter_*.conf`` into the etc folder of an Asterisk somebody else owns
and tells which ``#include`` lines to add: a user's own file is never edited. ``write_run_folder`` makes a complete
folder (etc, lib, spool, run, log, keys) for an Asterisk of ours, whose main files include the same files.

Configuration files know no quoting, so the guard is the input: every value of ``PbxSettings`` must match the strict
pattern of its field before anything is rendered.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import jinja2

from contactcenter.core.errors import Invalid
from cti import dialplan_names
from cti.installation import Installation

TEMPLATES = Path(__file__).resolve().parent.parent / "config" / "asterisk"
INCLUDE_PREFIX = "contactcenter_"
RELOADABLE = frozenset(
    INCLUDE_PREFIX + name for name in ("pjsip.conf", "extensions.conf", "queues.conf", "musiconhold.conf")
)
MAX_RUN_FOLDER = 90
"""Characters: with /run/asterisk.ctl it must fit the 107 of a Unix socket's address."""
QUALIFY_SECONDS = 10
"""How often a server asks whether another one answers on the trunk between them."""
SOUND_FORMATS = ("gsm", "wav", "ulaw", "alaw", "g722", "sln16")

_NAME = re.compile(r"[a-z0-9_-]{1,40}")
_ENDPOINT = re.compile(r"(?!agent-|to-)[A-Za-z0-9_.-]{1,40}")  # of the trunk outwards, which may be somebody else's
_SECRET = re.compile(r"[A-Za-z0-9]{16,64}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_NETWORK = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}/\d{1,2}")
_PLACE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?:\d{1,5}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9+/=_.:@-]{1,128}")
_SIP_URI = re.compile(r"sip:[a-z0-9_-]{1,40}@[A-Za-z0-9.-]{1,253}:\d{1,5}(?:;transport=(?:udp|tcp))?")
_PATH = re.compile(r"/[A-Za-z0-9_./+-]{1,400}")


PACKAGED = Installation(
    Path("/usr/sbin/asterisk"), "", Path("/"), Path("/usr/lib/asterisk/modules"), Path("/usr/share/asterisk")
)
"""Where a packaged Asterisk has its files: for texts that name them where none of ours is unpacked."""


class EndpointKind(StrEnum):
    """What an agent speaks through."""

    BROWSER = "browser"  # WebRTC over Asterisk's WebSocket
    DESK = "desk"  # SIP over UDP or TCP


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One agent's device. With ``contact_uri`` it is rung there and can neither register nor call."""

    name: str
    kind: EndpointKind
    secret: str = ""
    contact_uri: str = ""


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """Where customers' calls come from: requests of ``host``:``port`` (any source port when ``any_port``)."""

    name: str
    host: str
    port: int = 5060
    any_port: bool = False
    context: str = dialplan_names.INBOUND


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Another server of the site, reached by SIP at ``host``:``port``; what it shows us, and what we show it."""

    server_id: str
    host: str
    port: int
    secret_in: str = field(repr=False)
    secret_out: str = field(repr=False)


def trunk_secret(site_secret: str, caller: str, called: str) -> str:
    """Return what server ``caller`` shows to server ``called``: one server's files tell nothing of the others'."""
    return hmac.new(site_secret.encode(), f"{caller} {called}".encode(), hashlib.sha256).hexdigest()[:40]


def server_settings(site_secret: str, own: str, other: str, host: str, port: int) -> ServerSettings:
    """Return what server ``own`` is told of server ``other``."""
    secrets = trunk_secret(site_secret, other, own), trunk_secret(site_secret, own, other)
    return ServerSettings(other, host, port, *secrets)


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """How sound finds its way: ``local_networks`` are not told the external address; STUN and TURN as ``host:port``."""

    local_networks: Sequence[str] = ()
    stun: str = ""
    turn: str = ""
    turn_username: str = ""
    turn_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PbxSettings:
    """All that one Asterisk of ours, or our part of somebody's, is told. Paths are absolute.

    ``fallback_round`` seconds is one stay in the native queue before our server is asked again, ``fallback_rounds`` how
    many until a message is taken (0: never). ``ivr_guard`` seconds a flow may leave its time unrenewed before its
    caller goes to the fallback (0: off, see ``dialplan_names``). ``music_dir`` None takes Asterisk's own.
    ``outbound``: the endpoint of the trunk customers are called over; '' is the first of ``trunks``.
    ``is_websocket_local``: only our server speaks to the HTTP port, for the browsers' phones.
    """

    server_id: str
    ami_port: int
    ami_secret: str
    sip_port: int
    http_port: int
    agi_port: int
    recordings_dir: Path
    ami_user: str = "contactcenter"
    agi_host: str = "127.0.0.1"
    bind_address: str = "127.0.0.1"
    is_websocket_local: bool = False
    rtp_start: int = 10000
    rtp_end: int = 10999
    trunks: Sequence[TrunkSettings] = ()
    endpoints: Sequence[EndpointSettings] = ()
    servers: Sequence[ServerSettings] = ()
    outbound: str = ""
    music_dir: Path | None = None
    external_address: str | None = None
    media: MediaSettings = MediaSettings()
    fallback_round: int = 30
    fallback_rounds: int = 20
    ivr_guard: int = dialplan_names.AGI_SECONDS

    @property
    def outbound_trunk(self) -> str:
        """The endpoint customers are called over; '' when nobody can be called."""
        return self.outbound or next((trunk.name for trunk in self.trunks), "")

    @property
    def http_address(self) -> str:
        """Where the WebSocket of browsers' phones listens."""
        return "127.0.0.1" if self.is_websocket_local else self.bind_address

    @property
    def ami_permit(self) -> str:
        """The network our AMI user may come from: this machine, or the one our FastAGI server runs on."""
        return f"{self.agi_host if _ADDRESS.fullmatch(self.agi_host) else '127.0.0.1'}/255.255.255.255"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a stand-alone Asterisk; nothing outside of it is written."""

    path: Path

    @property
    def etc(self) -> Path:
        """Configuration files."""
        return self.path / "etc"

    @property
    def main_config(self) -> Path:
        """What ``asterisk -C`` is given."""
        return self.etc / "asterisk.conf"

    @property
    def log(self) -> Path:
        """Log files, CEL among them."""
        return self.path / "log"

    @property
    def cel_file(self) -> Path:
        """One CSV line per CEL event, fields as ``dialplan_names.CEL_FIELDS``."""
        return self.log / "cel-custom" / dialplan_names.CEL_FILE

    @property
    def pid_file(self) -> Path:
        """Written by Asterisk itself."""
        return self.path / "run" / "asterisk.pid"

    @property
    def started_with(self) -> Path:
        """Hash of the configuration the running Asterisk was started with."""
        return self.path / "run" / "contactcenter.hash"

    @property
    def messages(self) -> Path:
        """Asterisk's notices, warnings and errors."""
        return self.log / "messages"

    def config_hash(self) -> str:
        """Return the hash of the files that need a restart to take effect."""
        return _hash(path for path in self.etc.iterdir() if path.name not in RELOADABLE)

    def reload_hash(self) -> str:
        """Return the hash of the files a reload is enough for."""
        return _hash(path for path in self.etc.iterdir() if path.name in RELOADABLE)


def validate(settings: PbxSettings) -> None:
    """Check every value that reaches a template.

    Raises:
        Invalid: ``pbx-settings``; ``fields`` maps each wrong field to ``format``, ``range`` or ``duplicate``.
    """
    wrong: dict[str, str] = {}
    _check_server(settings, wrong)
    for number, endpoint in enumerate(settings.endpoints):
        _check_endpoint(endpoint, f"endpoints.{number}", wrong)
    for number, trunk in enumerate(settings.trunks):
        _check_trunk(trunk, f"trunks.{number}", wrong)
    for number, server in enumerate(settings.servers):
        _check_other_server(server, f"servers.{number}", wrong)
    names = [settings.ami_user, *(e.name for e in settings.endpoints), *(t.name for t in settings.trunks)]
    names += [f"{dialplan_names.TRUNK_PREFIX}{server.server_id}" for server in settings.servers]
    if len(set(names)) != len(names):
        wrong["endpoints"] = "duplicate"
    if wrong:
        raise Invalid("pbx-settings", wrong)


def include_files(settings: PbxSettings, installation: Installation) -> Mapping[str, str]:
    """Return name -> text of the files that are the same for a stand-alone and for a user's Asterisk."""
    validate(settings)
    names = sorted(path.name.removesuffix(".j2") for path in TEMPLATES.glob("*.conf.j2"))
    values = _values(settings, installation)
    return {INCLUDE_PREFIX + name: render(f"{name}.j2", values) for name in names}


def standalone_files(settings: PbxSettings, installation: Installation, run_folder: Path) -> Mapping[str, str]:
    """Return name -> text of every file in the etc folder of an Asterisk of ours."""
    included = include_files(settings, installation)
    _require_path(run_folder, "run_folder")
    if len(str(run_folder)) > MAX_RUN_FOLDER:
        raise Invalid("pbx-settings", {"run_folder": "too-long"})
    values = {**_values(settings, installation), "run": str(run_folder)}
    names = sorted(path.name.removesuffix(".j2") for path in (TEMPLATES / "standalone").glob("*.conf.j2"))
    return {**{name: render(f"standalone/{name}.j2", values) for name in names}, **included}


def write_include_files(settings: PbxSettings, installation: Installation, etc: Path) -> Sequence[str]:
    """Write our files into a user's ``etc`` folder; return what is left to do there, one instruction a line."""
    files = include_files(settings, installation)
    for name, text in files.items():
        _write_private(etc / name, text)
    return [*(f"{name.removeprefix(INCLUDE_PREFIX)}: add the line  #include {name}" for name in files), *_BY_HAND]


def write_run_folder(
    settings: PbxSettings, installation: Installation, run_folder: Path, overrides: Mapping[str, str] | None = None
) -> RunFolder:
    """Write the whole folder of an Asterisk of ours; idempotent. ``overrides`` (name -> text) replace etc files."""
    files = {**standalone_files(settings, installation, run_folder), **(overrides or {})}
    for name in ("etc", "lib", "spool", "run", "log/cel-custom", "keys"):
        (run_folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.recordings_dir.mkdir(parents=True, exist_ok=True)
    for path in (run_folder / "etc").iterdir():
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        _write_private(run_folder / "etc" / name, text)
    return RunFolder(run_folder)


_BY_HAND = (
    "cel.conf, cel_custom.conf: put the #include lines where they replace your own [general] and under [mappings]",
    "manager.conf [general]: enabled=yes, timestampevents=yes",
    f"pjsip.conf [global]: endpoint_identifier_order={','.join(dialplan_names.IDENTIFIER_ORDER)}",
    "pjsip.conf: a transport of protocol ws for browser phones, and http.conf enabled",
    "rtp.conf [general]: icesupport=yes; its ports, stunaddr, turnaddr as in pbx.rtp, pbx.stun, pbx.turn",
    "asterisk.conf [options]: systemname=<the server's id>, unique among your servers",
    "res_parking.conf, amd.conf, queues.conf, musiconhold.conf must exist: their modules decline to load without",
)

# Asterisk's own syntax is full of braces and percent signs; << >> and <% %> stand nowhere in it.
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # not HTML; every value is validated instead
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="<%",
    block_end_string="%>",
    comment_start_string="<#",
    comment_end_string="#>",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _values(settings: PbxSettings, installation: Installation) -> dict[str, object]:
    music_dir = settings.music_dir or installation.data_dir / "moh"
    for name, path in (("modules_dir", installation.modules_dir), ("data_dir", installation.data_dir)):
        _require_path(path, name)
    return {
        "s": settings,
        "n": dialplan_names,
        "installation": installation,
        "music_dir": music_dir,
        "qualify": QUALIFY_SECONDS,
        "sound_formats": SOUND_FORMATS,
    }


def render(template: str, values: Mapping[str, object]) -> str:
    """Return the text of a template in config/asterisk; ``values`` must have been validated."""
    return _ENVIRONMENT.get_template(template).render(values)


def _write_private(path: Path, text: str) -> None:
    """Replace ``path`` whole, readable by its owner only: it may hold secrets."""
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _require_path(path: Path, field: str) -> None:
    if not _PATH.fullmatch(str(path)):
        raise Invalid("pbx-settings", {field: "format"})


def _match(pattern: re.Pattern[str], value: str, field: str, wrong: dict[str, str]) -> None:
    if not pattern.fullmatch(value):
        wrong[field] = "format"


def _range(value: int, low: int, high: int, field: str, wrong: dict[str, str]) -> None:
    if not low <= value <= high:
        wrong[field] = "range"


def _check_server(settings: PbxSettings, wrong: dict[str, str]) -> None:
    _match(_NAME, settings.server_id, "server_id", wrong)
    _match(_NAME, settings.ami_user, "ami_user", wrong)
    _match(_SECRET, settings.ami_secret, "ami_secret", wrong)
    _match(_HOST, settings.agi_host, "agi_host", wrong)
    if settings.outbound:
        _match(_ENDPOINT, settings.outbound, "outbound", wrong)
    _match(_ADDRESS, settings.bind_address, "bind_address", wrong)
    if settings.external_address is not None:
        _match(_ADDRESS, settings.external_address, "external_address", wrong)
    for name in ("ami_port", "sip_port", "http_port", "agi_port", "rtp_start", "rtp_end"):
        _range(getattr(settings, name), 1, 65535, name, wrong)
    _range(settings.rtp_end - settings.rtp_start, 1, 65535, "rtp_end", wrong)
    _check_media(settings.media, wrong)
    _range(settings.fallback_round, 1, 3600, "fallback_round", wrong)
    _range(settings.fallback_rounds, 0, 10000, "fallback_rounds", wrong)
    _range(settings.ivr_guard, 0, 3600, "ivr_guard", wrong)
    _match(_PATH, str(settings.recordings_dir), "recordings_dir", wrong)
    if settings.music_dir is not None:
        _match(_PATH, str(settings.music_dir), "music_dir", wrong)


def _check_media(media: MediaSettings, wrong: dict[str, str]) -> None:
    for number, network in enumerate(media.local_networks):
        _match(_NETWORK, network, f"media.local_networks.{number}", wrong)
    for name, pattern in (
        ("stun", _PLACE),
        ("turn", _PLACE),
        ("turn_username", _CREDENTIAL),
        ("turn_password", _CREDENTIAL),
    ):
        if value := getattr(media, name):
            _match(pattern, value, f"media.{name}", wrong)


def _check_endpoint(endpoint: EndpointSettings, field: str, wrong: dict[str, str]) -> None:
    _match(_NAME, endpoint.name, f"{field}.name", wrong)
    if endpoint.contact_uri:
        _match(_SIP_URI, endpoint.contact_uri, f"{field}.contact_uri", wrong)
    else:
        _match(_SECRET, endpoint.secret, f"{field}.secret", wrong)


def _check_trunk(trunk: TrunkSettings, field: str, wrong: dict[str, str]) -> None:
    _match(_NAME, trunk.name, f"{field}.name", wrong)
    _match(_NAME, trunk.context, f"{field}.context", wrong)
    _match(_HOST, trunk.host, f"{field}.host", wrong)
    _range(trunk.port, 1, 65535, f"{field}.port", wrong)


def _check_other_server(server: ServerSettings, field: str, wrong: dict[str, str]) -> None:
    _match(_NAME, server.server_id, f"{field}.server_id", wrong)
    _match(_HOST, server.host, f"{field}.host", wrong)
    _range(server.port, 1, 65535, f"{field}.port", wrong)
    _match(_SECRET, server.secret_in, f"{field}.secret_in", wrong)
    _match(_SECRET, server.secret_out, f"{field}.secret_out", wrong)
