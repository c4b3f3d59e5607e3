"""The dialplan's applications as far as our dialplan uses them, by name. Pure.

Each takes the exchange, the channel and its arguments; one that keeps the channel calls ``exchange.wait``.
Source: https://docs.asterisk.org, "Dialplan Applications".
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from cti.pbx_simulator.channels import Channel
from cti.pbx_simulator.language import is_true
from cti.pbx_simulator.people import SPEECH_SECONDS
from cti.pbx_simulator.variables import write

if TYPE_CHECKING:
    from cti.pbx_simulator.exchange import Exchange

RING_SECONDS: Final = 3600.0
"""How long Dial() rings unless it is told."""
Application = Callable[["Exchange", Channel, str], None]


def _answer(exchange: "Exchange", channel: Channel, data: str) -> None:
    exchange.answer(channel)


def _set(exchange: "Exchange", channel: Channel, data: str) -> None:
    name, _, value = data.partition("=")
    write(exchange, channel, name.strip(), value)


def _user_event(exchange: "Exchange", channel: Channel, data: str) -> None:
    name, *pairs = data.split(",")
    body = [(key.strip(), value.strip()) for key, _, value in (pair.partition(":") for pair in pairs)]
    exchange.tell("UserEvent", channel.headers(), [("UserEvent", name), *body], privilege="user,all")


def _cel_user_event(exchange: "Exchange", channel: Channel, data: str) -> None:
    name, _, extra = data.partition(",")
    exchange.record(channel, name, {"extra": extra}, user_event=name)


def _goto(exchange: "Exchange", channel: Channel, data: str) -> None:
    """``[[context,]exten,]priority``: what is not given stays."""
    *place, priority = data.split(",")
    context, exten = [channel.context, channel.exten][: 2 - len(place)] + place
    channel.context, channel.exten, channel.priority = exchange.place_of(context, exten, priority)


def _goto_if(exchange: "Exchange", channel: Channel, data: str) -> None:
    condition, _, places = data.partition("?")
    yes, _, no = places.partition(":")
    chosen = yes if is_true(condition) else no
    if chosen:
        _goto(exchange, channel, chosen)


def _hang_up(exchange: "Exchange", channel: Channel, data: str) -> None:
    exchange.hang_up(channel, int(data or channel.variables.get("HANGUPCAUSE") or 16), "dialplan/builtin")


def _agi(exchange: "Exchange", channel: Channel, data: str) -> None:
    exchange.agi.start(channel, data)


def _music(exchange: "Exchange", channel: Channel, data: str) -> None:
    _, _, seconds = data.partition(",")
    exchange.wait(channel, "music", float(seconds) if seconds else None)


def _wait(exchange: "Exchange", channel: Channel, data: str) -> None:
    exchange.wait(channel, "wait", float(data))


def _queue(exchange: "Exchange", channel: Channel, data: str) -> None:
    """A queue without members: the caller waits its time."""
    arguments = [*data.split(","), "", "", "", ""]
    exchange.wait(channel, "queue", float(arguments[4]) if arguments[4] else None)


def _playback(exchange: "Exchange", channel: Channel, data: str) -> None:
    files, _, options = data.partition(",")
    if "noanswer" not in options:
        exchange.answer(channel)
    exchange.wait(channel, "playback", sum(exchange.sounds(one) for one in files.split("&")))


def _record(exchange: "Exchange", channel: Channel, data: str) -> None:
    """``file,silence,limit``: the caller speaks, then the silence ends it."""
    _, silence, limit, *_ = [*data.split(","), "0", "0"]
    exchange.wait(channel, "record", min(SPEECH_SECONDS + float(silence or 0), float(limit or 0) or 3600.0))


def _bridge(exchange: "Exchange", channel: Channel, data: str) -> None:
    """``channel,options``: take the other channel to this one; a missing one is told in BRIDGERESULT.

    Option F: the context, extension and priority where the other goes on afterwards.
    """
    name, _, options = data.partition(",")
    other, after = exchange.find(name), re.search(r"F\((.*)\^(.*)\^(.*)\)", options)
    if other is None or other is channel or exchange.legs.is_pending(other):
        channel.variables["BRIDGERESULT"] = "NONEXISTENT" if other is None else "FAILURE"
        return
    bridge = exchange.new_bridge()
    exchange.wait(channel, "bridge")
    exchange.pull(other, bridge)
    other.goes_on_at = exchange.place_of(after[1], after[2], after[3]) if after else None
    exchange.join(channel, bridge)


def _channel_redirect(exchange: "Exchange", channel: Channel, data: str) -> None:
    """``name,context,exten,priority``; without a name it ends the channel that runs it."""
    name, *place = data.split(",")
    other = exchange.find(name)
    if not name:
        exchange.hang_up(channel, source="dialplan/builtin")
    elif other is not None:
        exchange.go(other, *exchange.place_of(*place))


def _conference(exchange: "Exchange", channel: Channel, data: str) -> None:
    name = data.partition(",")[0]
    bridge = exchange.conferences.setdefault(name, exchange.new_bridge(name))
    exchange.wait(channel, "conference")
    exchange.join(channel, bridge)


def _dial(exchange: "Exchange", channel: Channel, data: str) -> None:
    """``target,seconds,options``: of the options U, the context that the picked up leg runs before it is bridged."""
    target, seconds, options, *_ = [*data.split(","), "", ""]
    subroutine = re.search(r"U\(([^)]*)\)", options)
    exchange.wait(channel, "dial")
    exchange.legs.dial(channel, target, float(seconds or RING_SECONDS), subroutine[1] if subroutine else "")


def _return(exchange: "Exchange", channel: Channel, data: str) -> None:
    """Go on where the subroutine was called; there is none on a channel that was sent here otherwise."""
    goes_on, channel.returns_to = channel.returns_to, None
    if goes_on is None:
        exchange.hang_up(channel, source="dialplan/builtin")
    else:
        goes_on()


def _forever(exchange: "Exchange", channel: Channel, data: str) -> None:
    exchange.wait(channel, "echo")


def _nothing(exchange: "Exchange", channel: Channel, data: str) -> None:
    """A sound or a signal nobody sees over AMI."""


APPLICATIONS: Final[Mapping[str, Application]] = {
    "AGI": _agi,
    "Answer": _answer,
    "Bridge": _bridge,
    "CELGenUserEvent": _cel_user_event,
    "ChannelRedirect": _channel_redirect,
    "ConfBridge": _conference,
    "Dial": _dial,
    "Echo": _forever,
    "Goto": _goto,
    "GotoIf": _goto_if,
    "Hangup": _hang_up,
    "MusicOnHold": _music,
    "Playback": _playback,
    "Progress": _nothing,
    "Queue": _queue,
    "Record": _record,
    "Return": _return,
    "Set": _set,
    "UserEvent": _user_event,
    "Wait": _wait,
}
