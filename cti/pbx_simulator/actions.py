"""AMI actions of the simulated PBX: a table of name -> what it does. Pure.

Answers carry Asterisk's own words (tests/transcripts). An action that is not in the table is refused as unknown, as
Asterisk refuses it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from contactcenter.core.clock import from_timestamp
from cti import dialplan_names as names
from cti.ami.codec import Message
from cti.calls import number
from cti.pbx_simulator.channels import Channel, Headers
from cti.pbx_simulator.legs import Order
from cti.pbx_simulator.outputs import Reply
from cti.pbx_simulator.variables import read, write

if TYPE_CHECKING:
    from cti.pbx_simulator.exchange import Exchange

VERSION: Final = "22 (simulated)"
NORMAL: Final = 16
RING_SECONDS: Final = 30.0
_CALLER_ID: Final = re.compile(r'\s*"?(?P<name>[^"<]*?)"?\s*<(?P<number>[^>]*)>\s*')


class Refused(Exception):
    """An action that cannot be carried out; its text is the answer's Message."""


Answer = tuple[Headers, Sequence[Headers]]
Action = Callable[["Exchange", Message], Answer]
"""Returns the headers of the answer, and the events of a list (none for a plain answer)."""


def act(exchange: "Exchange", now: float, connection: int, action: Message) -> None:
    """Carry out one action of a logged-in client; its answer is left among the exchange's outputs."""
    exchange.advance(now)
    action_id = action.get("ActionID")
    tag = [("ActionID", action_id)] if action_id else []
    name = action.get("Action")
    try:
        found = _ACTIONS.get(name.lower())
        if found is None:
            text = f"Invalid/unknown command: {name}. Use Action: ListCommands to show available commands."
            raise Refused(text)
        answer, events = found(exchange, action)
    except (Refused, ValueError) as refusal:  # ValueError: a number that is none
        text = str(refusal) if isinstance(refusal, Refused) else "Invalid value"
        exchange.put(Reply(connection, [("Response", "Error"), *tag, ("Message", text)]))
        return
    exchange.put(Reply(connection, [("Response", "Success"), *tag, *answer]))
    for event in events:
        exchange.put(Reply(connection, [event[0], *tag, *event[1:]]))
    exchange.settle()


def _done(*pairs: tuple[str, str]) -> Answer:
    return pairs, ()


def _listed(text: str, event: str, rows: Sequence[Headers], complete: str, *more: tuple[str, str]) -> Answer:
    events = [[("Event", event), *row] for row in rows]
    end = [("Event", complete), ("EventList", "Complete"), ("ListItems", str(len(rows))), *more]
    return (("EventList", "start"), ("Message", text)), [*events, end]


def _channel(
    exchange: "Exchange", action: Message, header: str = "Channel", missing: str = "No such channel"
) -> Channel:
    wanted = action.get(header)
    if not wanted:
        raise Refused("No channel specified")
    channel = exchange.find(wanted)
    if channel is None:
        raise Refused(missing.format(wanted))
    return channel


# ------------------------------------------------------------ the PBX itself


def _ping(exchange: "Exchange", action: Message) -> Answer:
    return _done(("Ping", "Pong"), ("Timestamp", f"{exchange.now:.6f}"))


def _core_status(exchange: "Exchange", action: Message) -> Answer:
    began = from_timestamp(exchange.began_at)
    date, time = began.strftime("%Y-%m-%d"), began.strftime("%H:%M:%S.%f")
    return _done(
        ("CoreStartupDate", date),
        ("CoreStartupTime", time),
        ("CoreReloadDate", date),
        ("CoreReloadTime", time),
        ("CoreCurrentCalls", str(len(exchange.channels))),
        ("CoreProcessedCalls", str(exchange.made)),
    )


def _core_settings(exchange: "Exchange", action: Message) -> Answer:
    return _done(("AMIversion", "11.0.0"), ("AsteriskVersion", VERSION), ("CoreHTTPenabled", "No"))


def _core_show_channels(exchange: "Exchange", action: Message) -> Answer:
    rows = [_shown(exchange, channel) for channel in exchange.channels.values()]
    return _listed("Channels will follow", "CoreShowChannel", rows, "CoreShowChannelsComplete")


def _shown(exchange: "Exchange", channel: Channel) -> Headers:
    age = int(exchange.now - channel.began_at)
    return (
        *channel.headers(),
        ("Application", channel.application),
        ("ApplicationData", channel.data),
        ("Duration", f"{age // 3600:02}:{age // 60 % 60:02}:{age % 60:02}"),
        ("BridgeId", channel.bridge.bridge_id if channel.bridge else ""),
    )


def _status(exchange: "Exchange", action: Message) -> Answer:
    found = [_channel(exchange, action)] if action.get("Channel") else list(exchange.channels.values())
    rows = [(*one.headers(), ("Application", one.application), ("Data", one.data)) for one in found]
    return _listed("Channel status will follow", "Status", rows, "StatusComplete")


def _show_endpoints(exchange: "Exchange", action: Message) -> Answer:
    rows = exchange.devices.listed()
    if not rows:
        raise Refused("No endpoints found")
    text = "A listing of Endpoints follows, presented as EndpointList events"
    return _listed(text, "EndpointList", rows, "EndpointListComplete")


def _device_state_list(exchange: "Exchange", action: Message) -> Answer:
    rows = exchange.devices.states()
    return _listed("Device State Changes will follow", "DeviceStateChange", rows, "DeviceStateListComplete")


def _module_check(exchange: "Exchange", action: Message) -> Answer:
    if action.get("Module").removesuffix(".so") not in names.MODULES:
        raise Refused("Module not loaded")
    return _done(("Version", ""))


def _show_dialplan(exchange: "Exchange", action: Message) -> Answer:
    context = action.get("Context")
    if context not in exchange.dialplan.contexts:
        raise Refused(f"Did not find context {context}")
    rows = [
        (
            ("Context", context),
            ("Extension", extension.name),
            ("Priority", str(number)),
            ("Application", step.application),
            ("AppData", step.data),
            ("Registrar", "pbx_config"),
        )
        for extension in exchange.dialplan.contexts[context]
        for number, step in enumerate(extension.steps, 1)
    ]
    return _listed("DialPlan list will follow", "ListDialplan", rows, "ShowDialPlanComplete")


def _user_event(exchange: "Exchange", action: Message) -> Answer:
    body = [pair for pair in action.headers if pair[0].lower() not in ("action", "actionid")]
    exchange.tell("UserEvent", body, privilege="user,all")
    return _done(("Message", "Event Sent"))


def _list_commands(exchange: "Exchange", action: Message) -> Answer:
    return _done(*((name, "simulated") for name in sorted(_ACTIONS)))


# ------------------------------------------------------------ channels


def _set_variable(exchange: "Exchange", action: Message) -> Answer:
    name = action.get("Variable")
    channel = _channel(exchange, action) if action.get("Channel") else None
    if not name:
        raise Refused("No variable specified")
    write(exchange, channel, name, action.get("Value"))
    return _done(("Message", "Variable Set"))


def _get_variable(exchange: "Exchange", action: Message) -> Answer:
    name = action.get("Variable")
    channel = _channel(exchange, action) if action.get("Channel") else None
    if not name:
        raise Refused("No variable specified")
    return _done(("Variable", name), ("Value", read(exchange, channel, name)))


def _hang_up(exchange: "Exchange", action: Message) -> Answer:
    channel = _channel(exchange, action)
    cause = number(action.get("Cause")) or NORMAL
    exchange.schedule(0.0, lambda: exchange.hang_up(channel, cause))
    return _done(("Message", "Channel Hungup"))


def _redirect(exchange: "Exchange", action: Message) -> Answer:
    channel = _channel(exchange, action, missing="Channel does not exist: {}")
    moves = [(channel, _place(exchange, action, ""))]
    if action.get("ExtraChannel"):
        extra = _channel(exchange, action, "ExtraChannel", "ExtraChannel does not exist: {}")
        own = "Extra" if action.get("ExtraContext") else ""
        moves.append((extra, _place(exchange, action, own)))
    if any(exchange.legs.is_pending(one) for one, _ in moves):
        raise Refused("Redirect failed, channel not up.")
    for one, _ in moves:
        exchange.take_out(one)
    for one, place in moves:
        exchange.go(one, *place)
    return _done(("Message", "Redirect successful"))


def _place(exchange: "Exchange", action: Message, prefix: str) -> tuple[str, str, int]:
    for header in ("Context", "Exten", "Priority"):
        if not action.get(prefix + header):
            raise Refused(f"{header} not specified")
    return exchange.place_of(
        action.get(f"{prefix}Context"), action.get(f"{prefix}Exten"), action.get(f"{prefix}Priority")
    )


def _bridge(exchange: "Exchange", action: Message) -> Answer:
    both = [_channel(exchange, action, one, one + " does not exist: {}") for one in ("Channel1", "Channel2")]
    if both[0] is both[1] or any(exchange.legs.is_pending(one) for one in both):
        raise Refused("Unable to add channels to bridge")
    bridge = exchange.new_bridge()
    for channel in both:
        exchange.pull(channel, bridge)
    return _done(("Message", "Channels have been bridged"))


def _mix_monitor(exchange: "Exchange", action: Message) -> Answer:
    """There is no sound to record: the channel is looked for, nothing is written."""
    _channel(exchange, action)
    return _done(("Message", "Success"))


def _originate(exchange: "Exchange", action: Message) -> Answer:
    if not action.get("Channel"):
        raise Refused("Channel not specified")
    order = _order(exchange, action)
    exchange.schedule(0.001, lambda: exchange.legs.originate(order))
    return _done(("Message", "Originate successfully queued"))


def _order(exchange: "Exchange", action: Message) -> Order:
    caller = _CALLER_ID.fullmatch(action.get("CallerID"))
    context, exten, priority = exchange.place_of(*(action.get(one) for one in ("Context", "Exten", "Priority")))
    timeout = action.get("Timeout")
    return Order(
        action_id=action.get("ActionID"),
        channel=action.get("Channel"),
        context=context,
        exten=exten,
        priority=priority,
        seconds=number(timeout) / 1000 or RING_SECONDS,
        caller_name=caller["name"] if caller else "",
        caller_number=caller["number"] if caller else action.get("CallerID"),
        account=action.get("Account"),
        uniqueid=action.get("ChannelId"),
        other_uniqueid=action.get("OtherChannelId"),
        variables=[(name, value) for one in action.get_all("Variable") for name, _, value in [_assigned(one)]],
    )


def _assigned(text: str) -> tuple[str, str, str]:
    """Split ``NAME=value`` or ``FUNCTION(arguments)=value`` at the sign behind the name."""
    close = text.find(")=")
    return text.partition("=") if close < 0 else (text[: close + 1], "=", text[close + 2 :])


_ACTIONS: Final[Mapping[str, Action]] = {
    "bridge": _bridge,
    "coresettings": _core_settings,
    "coreshowchannels": _core_show_channels,
    "corestatus": _core_status,
    "devicestatelist": _device_state_list,
    "getvar": _get_variable,
    "hangup": _hang_up,
    "listcommands": _list_commands,
    "mixmonitor": _mix_monitor,
    "modulecheck": _module_check,
    "originate": _originate,
    "ping": _ping,
    "pjsipshowendpoints": _show_endpoints,
    "redirect": _redirect,
    "setvar": _set_variable,
    "showdialplan": _show_dialplan,
    "status": _status,
    "stopmixmonitor": _mix_monitor,
    "userevent": _user_event,
}
