"""What ``check`` says of the network side of the settings, in words: what is set, what it means, what is wrong.

Nothing is sent anywhere: whether a port is open in a firewall only somebody outside can see.
"""

from ipaddress import ip_address
from typing import Final

from contactcenter.check_line import Line
from contactcenter.core.clock import from_timestamp
from contactcenter.core.errors import ContactCenterError
from contactcenter.core.web.tls import CertificateFiles, prove
from contactcenter.phone_addresses import uses_line
from contactcenter.settings import PbxSettings, Settings

LEGS_OF_AN_AGENT: Final = 3
"""His own, his customer's, and one customer who waits meanwhile."""
PORTS_OF_A_LEG: Final = 2
"""RTP and RTCP (RFC 3550)."""
OWN_PORTS: Final = 1000
"""How many we take when ``pbx.rtp`` is not set."""


def network_lines(settings: Settings, agents: int, now: float) -> list[Line]:
    """Return a line for each thing; ``agents`` is how many have a phone on this PBX, ``now`` in epoch seconds."""
    pbx, is_ours = settings.pbx, settings.pbx.mode in ("auto", "asterisk", "simulated")
    lines = [_pages(settings, now), _phone(settings), *_turn(pbx)]
    return [*lines, _addresses(pbx), _ports(pbx, agents), _outside(pbx)] if is_ours else [*lines, _foreign(pbx)]


def _pages(settings: Settings, now: float) -> Line:
    http = settings.http
    if http.tls_certificate is not None and http.tls_key is not None:
        try:
            proven = prove(CertificateFiles(http.tls_certificate, http.tls_key))
        except ContactCenterError as error:
            return Line(False, "HTTPS", str(error), "give a certificate with its chain, and its unencrypted key")
        if reason := proven.invalid(now):
            remedy = "put a valid one in its place: it is taken within seconds, without a restart"
            return Line(False, "HTTPS", f"by us, but {reason}: browsers warn of it ({http.tls_certificate})", remedy)
        until = from_timestamp(proven.ends_at)
        return Line(True, "HTTPS", f"by us, for {', '.join(proven.names) or 'no name at all'}, until {until:%Y-%m-%d}")
    if http.secure_cookies:
        who = ", ".join(http.trusted_proxies) or "nobody: sign-ins are counted for the proxy's own address"
        return Line(True, "HTTPS", f"by a proxy in front (http.secure_cookies); believed about callers: {who}")
    return Line(
        _is_loopback(http.host),
        "HTTPS",
        f"none: pages are plain HTTP on {http.host}; browsers give them a microphone on this machine only",
        "set http.tls_certificate and http.tls_key, or http.secure_cookies behind a TLS proxy",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _phone(settings: Settings) -> Line:
    pbx, is_secure = settings.pbx, settings.http.secure_cookies or settings.http.scheme == "https"
    if uses_line(settings):
        return Line(True, "phone WebSocket", "/phone: through this server, with the pages' certificate")
    where = pbx.websocket or f"ws://{pbx.sip_host} on the PBX's own port"
    return Line(
        not is_secure or where.startswith("wss:"),
        "phone WebSocket",
        f"{where}{', which a page served by HTTPS may not open' if is_secure and where.startswith('ws:') else ''}",
        'set pbx.websocket = "/phone", or to the wss:// address of a proxy',
    )


def _addresses(pbx: PbxSettings) -> Line:
    bind = pbx.bind_address
    if pbx.external_address and bind == "127.0.0.1":
        return Line(
            False,
            "address",
            f"pbx.external_address {pbx.external_address} is told to phones, but Asterisk hears this machine only",
            "set pbx.bind_address to this machine's address, or 0.0.0.0",
        )
    heard = {"127.0.0.1": "this machine only", "0.0.0.0": "every address of this machine"}.get(bind, bind)
    if not pbx.external_address:
        beyond = "" if bind == "127.0.0.1" else "; beyond an address translation there is no sound"
        return Line(True, "address", f"phones and trunks are heard on {heard}; pbx.external_address is not set{beyond}")
    but = (
        f"except to {', '.join(pbx.local_networks)}"
        if pbx.local_networks
        else "to all, as pbx.local_networks is not set"
    )
    return Line(True, "address", f"phones and trunks are heard on {heard}; told as {pbx.external_address}, {but}")


def _ports(pbx: PbxSettings, agents: int) -> Line:
    ports = pbx.rtp.last - pbx.rtp.first + 1 if pbx.rtp else OWN_PORTS
    legs, needed = ports // PORTS_OF_A_LEG, agents * LEGS_OF_AN_AGENT
    which = f"UDP {pbx.rtp.first}-{pbx.rtp.last}" if pbx.rtp else f"{ports} UDP ports chosen for this data folder"
    firewall = "" if pbx.bind_address == "127.0.0.1" else "; open them in the firewall"
    told = f"{which}, enough for {legs} legs; {agents} agents need {needed}{firewall}"
    return Line(legs >= needed, "sound ports", told, f"widen pbx.rtp to at least {needed * PORTS_OF_A_LEG} ports")


def _outside(pbx: PbxSettings) -> Line:
    """Browsers take the addresses Asterisk finds on itself, not ``external_address``: that is for SIP."""
    if pbx.stun:
        return Line(True, "STUN", f"{pbx.stun}: Asterisk and browsers ask it for their outer addresses")
    hears_all = pbx.external_address is not None and pbx.bind_address == "0.0.0.0"
    if hears_all:
        told = "not set: browsers beyond the address translation are offered inner addresses only"
        return Line(False, "STUN", told, "set pbx.stun, or pbx.bind_address to this machine's inner address")
    return Line(True, "STUN", "not set: browsers and Asterisk must reach each other's own addresses")


def _turn(pbx: PbxSettings) -> list[Line]:
    if pbx.turn is None:
        return [Line(True, "TURN", "not set: a browser whose network lets no UDP through has no sound")]
    is_whole = bool(pbx.turn.server and pbx.turn.username and pbx.turn.password.get_secret_value())
    told = f"{pbx.turn.server or 'no server'} as {pbx.turn.username or 'nobody'}"
    secret = "the password is set" if pbx.turn.password.get_secret_value() else "no password"
    remedy = "set pbx.turn.server, username and password: no server relays for strangers"
    return [Line(is_whole, "TURN", f"{told}, {secret}", remedy)]


def _foreign(pbx: PbxSettings) -> Line:
    stun = f"; browsers ask {pbx.stun} for their outer addresses" if pbx.stun else ""
    return Line(True, "sound", f"ports and addresses are your Asterisk's own affair (rtp.conf, pjsip.conf){stun}")
