"""What is said to a PBX to make it call: the fields of each Originate of ours (see ``dialplan_names``). Pure."""

import re
from collections.abc import Sequence
from typing import Final

from contactcenter.core.ids import LegId
from contactcenter.interactions import ports
from cti import dialplan_names as names

STAND_IN_SECONDS: Final = 5
"""How long Asterisk may take to make a stand-in, which rings nowhere."""
_UNSAFE_NAME = re.compile(
    r'[\x00-\x1f\x7f-\x9f"\\<>;,|$\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]'
)
_UNSAFE_NUMBER = re.compile(r"[^0-9+*#A-Za-z]")
_NOT_DIALLED = re.compile(r"[^0-9+]")

Originate = dict[str, str | Sequence[str]]


def originate_of(order: ports.AlertOrder, nailed_leg: LegId | None = None) -> Originate:
    """Return what rings the agent's device."""
    device = order.device
    is_over_trunk = device.server_id != order.server_id
    variables = [
        f"{names.VAR_RESERVATION}={order.reservation_id}",
        f"{names.VAR_CALLER}={order.caller_leg}",
        f"PJSIP_HEADER(add,{names.HEADER_RESERVATION})={order.reservation_id}",
    ]
    if nailed_leg is not None:
        variables.append(f"PJSIP_HEADER(add,{names.HEADER_LEG})={nailed_leg}")
    elif device.mode is ports.LegMode.AUTO:
        header = f"{names.HEADER_AUTO})=1" if is_over_trunk else "Call-Info)=answer-after=0"
        variables.append(f"PJSIP_HEADER(add,{header}")
    trunk = f"@{names.TRUNK_PREFIX}{device.server_id}" if is_over_trunk else ""
    return {
        "Channel": f"PJSIP/{device.endpoint}{trunk}",
        "Context": names.BRIDGE,
        "Exten": device.endpoint.removeprefix(names.AGENT_PREFIX) if is_over_trunk else "s",
        "Priority": "1",
        "Timeout": str(int(order.ring_time * 1000)),
        "CallerID": caller_id(order.caller_name, order.caller_number),
        "Variable": variables,
        "ChannelId": order.reservation_id,
        "Account": order.caller_leg,  # ties an unanswered leg to its call in the PBX's own records
        "Async": "true",
    }


def stand_in_of(order: ports.AlertOrder, call: ports.CustomerCall) -> Originate:
    """Return what makes the leg that stands in for a customer who is to be called.

    It has its reservation from the start, for there is nothing yet that could be told of one. No account code: that is
    an agent's, and names his caller.
    """
    leg_id = order.caller_leg
    variables = {
        names.VAR_RESERVATION: order.reservation_id,
        f"__{names.VAR_STAND_IN}": leg_id,  # also for the leg on which he is called
        names.VAR_CALLED: _NOT_DIALLED.sub("", call.number),
        names.VAR_SHOWN: _NOT_DIALLED.sub("", call.shown),
        names.VAR_RING: str(max(1, round(call.ring_time))),
    }
    return {
        "Channel": f"Local/{names.CALLBACK_DIAL}@{names.CALLBACK}/n",
        "Context": names.CALLBACK,
        "Exten": names.CALLBACK_PLACE,
        "Priority": "1",
        "Timeout": str(STAND_IN_SECONDS * 1000),
        "CallerID": caller_id(order.caller_name, order.caller_number),
        "Variable": [f"{name}={value}" for name, value in variables.items()],
        "ChannelId": leg_id,
        "OtherChannelId": names.dialling_half(leg_id),
        "Async": "true",
    }


def caller_id(name: str, number: str) -> str:
    """Return ``"name" <number>`` of text from outside: no control, quoting or direction characters, bounded."""
    clean_number = _UNSAFE_NUMBER.sub("", number)[:40]
    clean_name = _UNSAFE_NAME.sub("", name).strip()[:60]
    return f'"{clean_name or clean_number}" <{clean_number}>'
