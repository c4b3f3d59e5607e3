"""Typed settings: environment (``CONTACTCENTER_PBX__SERVER_ID``) > .env > config/contactcenter.toml > defaults."""

import re
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Port = Annotated[int, Field(ge=0, le=65535)]
ServerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError("an IPv4 address, for example 192.0.2.10") from None


Address = Annotated[str, AfterValidator(_address)]


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError("an address or a network, for example 192.0.2.10 or 10.0.0.0/8") from None


def _local_network(text: str) -> str:
    try:
        return str(IPv4Network(text, strict=False))
    except ValueError:
        raise ValueError("an IPv4 network, for example 10.0.0.0/8") from None


Place = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?:[0-9]{1,5}$")]
"""A host and a port."""
Websocket = Annotated[str, Field(pattern=r"^(/phone|wss?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?)?$")]
_CREDENTIAL = r"^[A-Za-z0-9+/=_.:@-]{0,128}$"


def _credential(secret: SecretStr) -> SecretStr:
    """Asterisk's files know no quoting: what could end a value there is refused here, without being told."""
    if not re.fullmatch(_CREDENTIAL, secret.get_secret_value()):
        raise ValueError("up to 128 letters, digits and + / = _ . : @ -")
    return secret


def _trunk_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"([A-Za-z0-9]{16,64})?", secret.get_secret_value()):
        raise ValueError("16 to 64 letters and digits")
    return secret


def _outbound(name: str) -> str:
    """Take the name of a trunk's endpoint; what begins as our agents' or as those between servers is none."""
    if name and not re.fullmatch(r"(?!agent-|to-)[A-Za-z0-9_.-]{1,40}", name):
        raise ValueError("the name of a PJSIP endpoint: letters, digits, _ . and -, not agent-... or to-...")
    return name


def _database_url(url: SecretStr) -> SecretStr:
    """Take what the driver can; the error does not repeat it, for it may hold a password."""
    text = url.get_secret_value()
    if text and not re.fullmatch(r"postgres(ql)?://[^\s/]+(/[^\s/]*)?", text):
        raise ValueError("postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or nothing for a file in the data folder")
    if "sslmode=" in text:
        raise ValueError("say ?ssl=verify-full (or require, prefer, disable) in place of sslmode")
    return url


def _redis_url(url: SecretStr) -> SecretStr:
    """Take what the driver can; the error does not repeat it, for it may hold a password."""
    if url.get_secret_value() and not re.fullmatch(r"(rediss?|unix)://\S+", url.get_secret_value()):
        raise ValueError("redis://:PASSWORD@HOST:PORT/NUMBER (rediss:// by TLS, unix:// a socket), or nothing")
    return url


Outbound = Annotated[str, AfterValidator(_outbound)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HttpSettings(_Part):
    """Where pages and API are served; ``origins`` are further addresses of our own pages (behind a proxy).

    ``tls_certificate`` (with the chain behind it) and ``tls_key``: HTTPS without a proxy, from PEM files.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    secure_cookies: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _whole_pair(self) -> "HttpSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        return self

    @property
    def scheme(self) -> str:
        """``https`` when we serve TLS ourselves."""
        return "http" if self.tls_certificate is None else "https"


class TrunkOptions(_Part):
    """A SIP trunk of our Asterisk: customers' calls come from ``host``:``port``, or from any port of ``host``."""

    name: ServerName
    host: str
    port: Port = 5060
    any_port: bool = False


class RtpOptions(_Part):
    """The UDP ports of sound, both included; a leg of a call takes two."""

    first: Annotated[int, Field(ge=1024, le=65534)]
    last: Annotated[int, Field(ge=1025, le=65535)]

    @model_validator(mode="after")
    def _in_order(self) -> "RtpOptions":
        if self.last - self.first < 3:
            raise ValueError("last must be at least 3 above first: a call takes four ports")
        return self


class TurnOptions(_Part):
    """A server that relays sound for those whose network lets nothing else through; it must listen on UDP and TCP."""

    server: Place | Literal[""]
    username: Annotated[str, Field(pattern=_CREDENTIAL)] = ""
    password: Annotated[SecretStr, AfterValidator(_credential)] = SecretStr("")


class PbxSettings(_Part):
    """The telephone exchange.

    ``mode``: ``asterisk`` runs one of ours in the data folder, ``auto`` the same where it can be had, else
    ``simulated``, which has no sound; ``HOST:PORT`` uses the AMI of a running one with ``ami_user`` and ``ami_secret``.
    ``prefix`` is where ours is unpacked.
    ``bind_address`` is where ours hears phones and trunks (0.0.0.0: everywhere), its AMI stays on 127.0.0.1;
    ``external_address`` is what it tells phones and trunks beyond an address translation.
    ``sip`` is where ``servers`` reach it ('': ours is where it is bound), ``trunk_secret`` what all of them know.
    ``websocket`` is the address browsers' phones use: ``wss://...`` of a proxy, ``/phone`` for a line through this
    server, and then ours opens its own to this machine only; '' is the PBX's own, or ``/phone`` when we serve HTTPS.
    ``sip_port`` and ``http_port`` (its WebSocket's) of ours: 0 chooses once for each data folder, and so does ``rtp``
    None; ``http_port`` of somebody else's: 0 is 8088. ``local_networks`` are not told the external address.
    ``stun`` and ``turn`` are told to ours and to browsers' phones.
    ``outbound``: the trunk customers are called over, of ours one of ``trunks``, else any endpoint; '' is the first.
    """

    mode: str = "auto"
    server_id: ServerName = "pbx1"
    prefix: Path | None = None
    ami_user: str = "contactcenter"
    ami_secret: SecretStr = SecretStr("")
    agi_host: str = "127.0.0.1"
    agi_port: Port = 4573
    websocket: Websocket = ""
    cel_file: Path | None = None
    sip_port: Port = 0
    http_port: Port = 0
    rtp: RtpOptions | None = None
    stun: Place | Literal[""] = ""
    turn: TurnOptions | None = None
    local_networks: tuple[Annotated[str, AfterValidator(_local_network)], ...] = ()
    external_address: Address | None = None
    bind_address: Address = "127.0.0.1"
    sip_host: str = "127.0.0.1"
    trunks: tuple[TrunkOptions, ...] = ()
    outbound: Outbound = ""
    sip: Place | Literal[""] = ""
    trunk_secret: Annotated[SecretStr, AfterValidator(_trunk_secret)] = SecretStr("")

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, mode: str) -> str:
        host, _, port = mode.rpartition(":")
        if mode in ("auto", "asterisk", "simulated") or (host and port.isdigit() and int(port) < 65536):
            return mode
        raise ValueError("auto, asterisk, simulated or HOST:PORT")

    @model_validator(mode="after")
    def _outbound_is_there(self) -> "PbxSettings":
        is_ours = self.mode in ("auto", "asterisk", "simulated")
        if is_ours and self.outbound and self.outbound not in {trunk.name for trunk in self.trunks}:
            raise ValueError(f"outbound: none of trunks is called {self.outbound!r}")
        return self


class CallbackOptions(_Part):
    """How customers are called back: ``attempts`` calls at most, ``pause`` seconds between two.

    ``most_open`` promises are open at once, ``most_a_day`` are given to one number in a day.
    Each rings ``ring_time`` seconds. After ``give_up_after`` seconds without a turn it becomes a ticket. ``countries``
    besides the site's own ``region``: anybody can show any number as his, and calls to some cost a fortune.
    """

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    pause: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    ring_time: Annotated[float, Field(ge=5, le=120)] = 30.0
    give_up_after: Annotated[float, Field(ge=60, le=1_209_600)] = 172_800.0
    most_open: Annotated[int, Field(ge=1, le=10_000)] = 1000
    most_a_day: Annotated[int, Field(ge=1, le=100)] = 3
    countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()


class ServerOptions(_Part):
    """A further Asterisk of the site, which somebody else runs. Its agents and the others' serve each other's callers.

    ``ami`` and ``sip`` are its addresses as this machine and the other servers reach them; ``agi_host``:``agi_port``
    (of its own) is where it reaches us. ``websocket`` for browsers' phones: '' is its own, which a page served by HTTPS
    reaches through us (``/phone``). ``cel_file`` when it is on this machine. ``outbound`` is the endpoint customers are
    called over; '' is the first of ``trunks``.
    """

    server_id: ServerName
    ami: Place
    ami_user: str = "contactcenter"
    ami_secret: SecretStr
    agi_host: str = "127.0.0.1"
    agi_port: Annotated[int, Field(ge=1, le=65535)]
    sip: Place
    websocket: Websocket = ""
    cel_file: Path | None = None
    external_address: Address | None = None
    trunks: tuple[TrunkOptions, ...] = ()
    outbound: Outbound = ""


def _twice(values: Iterable[object]) -> str:
    """Return what occurs more than once, '' when nothing does."""
    return ", ".join(str(value) for value, count in Counter(values).items() if count > 1)


class Settings(BaseSettings):
    """All of them; ``data`` holds the PBX's run folder and rendered prompts.

    ``database_url`` names a Postgres; without one the database is a file in ``data``. ``redis_url`` names the Redis
    that joins several processes over that Postgres. ``servers`` are further Asterisks beside ``pbx``.
    """

    model_config = SettingsConfigDict(
        env_prefix="CONTACTCENTER_",
        env_nested_delimiter="__",
        env_file=".env",
        toml_file="config/contactcenter.toml",
        extra="forbid",
    )

    data: Path = Path("data")
    database_url: DatabaseUrl = SecretStr("")
    redis_url: RedisUrl = SecretStr("")
    site_id: ServerName = "main"
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    language: Literal["en", "ru", "es"] = "en"
    timezone: str = "Europe/Berlin"
    flows: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    http: HttpSettings = HttpSettings()
    pbx: PbxSettings = PbxSettings()
    servers: tuple[ServerOptions, ...] = ()
    callbacks: CallbackOptions = CallbackOptions()

    @model_validator(mode="after")
    def _several_processes_share_a_server(self) -> "Settings":
        if self.redis_url.get_secret_value() and not self.database_url.get_secret_value():
            raise ValueError("redis_url: several processes share a Postgres; set database_url, too")
        return self

    @model_validator(mode="after")
    def _servers_apart(self) -> "Settings":
        """Two servers with one name, or one address for two things, would be taken for each other."""
        if not self.servers:
            return self
        if not self.pbx.trunk_secret.get_secret_value():
            raise ValueError("pbx.trunk_secret: several servers need one, 16 to 64 letters and digits")
        values: dict[str, list[str]] = {
            "server_id": [self.pbx.server_id, *(one.server_id for one in self.servers)],
            "ami": [one.ami for one in self.servers],
            "agi_port": [f"{one.agi_host}:{one.agi_port}" for one in self.servers],
            "sip": [*filter(None, [self.pbx.sip]), *(one.sip for one in self.servers)],
        }
        if self.pbx.mode.rpartition(":")[2].isdigit():  # ours chooses by itself
            values["ami"].append(self.pbx.mode)
            values["agi_port"].append(f"{self.pbx.agi_host}:{self.pbx.agi_port}")
        for name, given in values.items():
            if twice := _twice(given):
                raise ValueError(f"servers: {name} {twice} stands twice; every server has its own")
        hosts = {one.rpartition(":")[0] for one in values["sip"]} | ({self.pbx.bind_address} - {"0.0.0.0"})
        for trunk in (*self.pbx.trunks, *(trunk for one in self.servers for trunk in one.trunks)):
            if trunk.any_port and trunk.host in hosts:
                raise ValueError(f"trunk {trunk.name}: any port of {trunk.host} would be another server's, too")
        return self

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no time zone of this machine is called {timezone!r}; try Europe/Berlin or UTC") from None
        return timezone

    @model_validator(mode="after")
    def _no_plain_phone_on_a_secure_page(self) -> "Settings":
        if self.http.scheme == "https" and self.pbx.websocket.startswith("ws:"):
            raise ValueError("pbx.websocket: a page served by HTTPS may open no ws:// address; use wss:// or /phone")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments > environment > .env > TOML. Other programs' lines in .env are theirs."""
        if isinstance(dotenv_settings, DotEnvSettingsSource):
            own = str(cls.model_config["env_prefix"]).lower()
            lines = dotenv_settings.env_vars.items()
            dotenv_settings.env_vars = {name: value for name, value in lines if name.lower().startswith(own)}
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    def callback_rules(self) -> dict[str, Any]:
        """Return how customers are called back, the site's own country among the ``countries``."""
        return {**self.callbacks.model_dump(), "countries": (self.region, *self.callbacks.countries)}

    @property
    def database_file(self) -> Path:
        """The embedded database."""
        return self.data / "contactcenter.db"
