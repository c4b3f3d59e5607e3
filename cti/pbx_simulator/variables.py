"""Variables and functions of the dialplan as far as ours uses them. Pure.

Source: https://docs.asterisk.org, "Dialplan Functions": CALLERID, CHANNEL, FILTER, GLOBAL, IF, IMPORT, SHARED, STAT,
TIMEOUT.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cti.pbx_simulator.channels import Channel
from cti.pbx_simulator.language import is_true

if TYPE_CHECKING:
    from cti.pbx_simulator.exchange import Exchange

_FUNCTION: Final = re.compile(r"(?P<name>[A-Z_]+)\((?P<arguments>.*)\)", re.DOTALL)
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_RANGE: Final = re.compile(r"(.)-(.)")


def read(exchange: "Exchange", channel: Channel | None, name: str) -> str:
    """Return a variable's or function's value; '' when there is none. Without a channel: globals."""
    call = _FUNCTION.fullmatch(name)
    if call is not None:
        function = _FUNCTIONS.get(call["name"])
        return function(exchange, channel, call["arguments"]) if function else ""
    if channel is None:
        return exchange.globals.get(name, "")
    own = _OWN.get(name)
    if own is not None:
        return own(exchange, channel)
    return channel.variables.get(name, exchange.globals.get(name, ""))


_OWN: Final[dict[str, Callable[["Exchange", Channel], str]]] = {
    "EXTEN": lambda exchange, channel: channel.exten,
    "CONTEXT": lambda exchange, channel: channel.context,
    "UNIQUEID": lambda exchange, channel: channel.uniqueid,
    "CHANNEL": lambda exchange, channel: channel.name,
    "EPOCH": lambda exchange, channel: str(int(exchange.now)),
}


def write(exchange: "Exchange", channel: Channel | None, name: str, value: str) -> None:
    """Set a variable, or what a function stands for."""
    call = _FUNCTION.fullmatch(name)
    if call is not None:
        _write_function(exchange, channel, call["name"], call["arguments"], value)
    elif channel is None:
        exchange.globals[name] = value
    else:
        channel.variables[name.lstrip("_")] = value
        if name.startswith("__"):
            channel.heirlooms.add(name.lstrip("_"))


def inherit(heir: Channel, channel: Channel) -> None:
    """Give a channel that is dialled the variables that were set to be inherited."""
    heir.heirlooms |= channel.heirlooms
    heir.variables |= {name: channel.variables[name] for name in channel.heirlooms}


def _write_function(exchange: "Exchange", channel: Channel | None, function: str, arguments: str, value: str) -> None:
    if function == "GLOBAL":
        exchange.globals[arguments] = value
    elif function == "SHARED":
        variable, _, of = arguments.partition(",")
        owner = exchange.find(of) if of else channel
        if owner is not None:
            owner.shared[variable] = value
    elif function == "TIMEOUT" and channel is not None:
        exchange.set_clock(channel, float(value) if _NUMBER.fullmatch(value) else 0.0)
    elif function == "CALLERID" and channel is not None and arguments == "all":
        channel.caller_number, channel.caller_name = value, ""
    elif function == "PJSIP_HEADER" and channel is not None:
        channel.variables[f"PJSIP_HEADER({arguments})"] = value


def _filter(exchange: "Exchange", channel: Channel | None, arguments: str) -> str:
    allowed, _, text = arguments.partition(",")
    single = set(_RANGE.sub("", allowed))
    ranges = _RANGE.findall(allowed)
    return "".join(one for one in text if one in single or any(first <= one <= last for first, last in ranges))


def _if(exchange: "Exchange", channel: Channel | None, arguments: str) -> str:
    condition, _, rest = arguments.partition("?")
    yes, _, no = rest.partition(":")
    return yes if is_true(condition) else no


def _import(exchange: "Exchange", channel: Channel | None, arguments: str) -> str:
    of, _, name = arguments.partition(",")
    other = exchange.find(of)
    return "" if other is None else read(exchange, other, name)


def _shared(exchange: "Exchange", channel: Channel | None, arguments: str) -> str:
    name, _, of = arguments.partition(",")
    owner = exchange.find(of) if of else channel
    return "" if owner is None else owner.shared.get(name, "")


def _channel(exchange: "Exchange", channel: Channel | None, arguments: str) -> str:
    fields = {"name": "name", "uniqueid": "uniqueid", "linkedid": "linkedid", "accountcode": "account"}
    field = fields.get(arguments, "")
    return str(getattr(channel, field)) if channel is not None and field else ""


_FUNCTIONS: Final[dict[str, Callable[["Exchange", Channel | None, str], str]]] = {
    "CHANNEL": _channel,
    "FILTER": _filter,
    "GLOBAL": lambda exchange, channel, name: exchange.globals.get(name, ""),
    "IF": _if,
    "IMPORT": _import,
    "SHARED": _shared,
    "STAT": lambda exchange, channel, arguments: "1",  # every sound and record it is asked about is there
}
