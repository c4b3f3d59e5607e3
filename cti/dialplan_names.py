"""Names shared by the dialplan templates, telephony, the FastAGI server and ``check``: the one place where they stand.

Contract of a caller's way through the dialplan (config/asterisk/extensions.conf.j2)::

    cc-inbound   UserEvent(CCArrived) before Answer, then cc-ivr. EXTEN of every later context = the dialed number,
                 reduced to [+*#0-9A-Za-z] ("s" when nothing is left).
    cc-ivr       AGI agi://HOST:PORT/ivr; the flow sets CC_NEXT to hold:PLACE, hangup or noservice before it ends.
                 PLACE (``ports.PlaceInLine``) goes into CEL with CCHold, from where a restarted server reads it.
    cc-hold      answer, music for CC_MUSIC seconds (not set: MUSIC_SECONDS), AGI agi://HOST:PORT/next may play an
                 announcement and sets CC_NEXT to hold, ivr or hangup, with CC_MUSIC or without; repeat.
    cc-fallback  native queue while nobody steers; asks /next after every round; voicemail after the last.
    cc-join      where an agent's leg sends the caller whom it may have: he bridges it, and goes on at ``/next`` of
                 cc-hold when the conversation is over, whatever he was taken out of.
    cc-callback  no caller: ``place`` stands in for a customer who is to be called, ``dial`` calls him when it is told.

FastAGI sessions: Asterisk gives up connecting after 2 s (res_agi.c, MAX_AGI_CONNECT). A server that accepts and says
nothing (frozen) is caught by ``TIMEOUT(absolute)``: a ``next`` session starts with AGI_SECONDS on the clock, an ``ivr``
session with ``PbxSettings.ivr_guard``, and a caller whose time is over goes to cc-fallback. A session that plays or
listens longer says ``SET AUTOHANGUP n`` first (0 = off); the dialplan stops the clock when the session ends.
AGISTATUS other than SUCCESS, or an unknown CC_NEXT, goes to cc-fallback. AGIEXITONHANGUP: after a hang-up, or when the
caller is sent elsewhere, Asterisk sends the answer to the running command, HANGUP, and closes at once.

Names for Asterisk: AMI actions, IMPORT and SHARED take a Uniqueid exactly in place of a channel's name. Bridge() and a
``ChannelId`` match the beginning: an id must not be the beginning of another one's (ours all have 26 characters).

An agent's leg: Originate with Context cc-bridge, Exten s, Priority 1, ChannelId = reservation id, Variable
CC_RES=<reservation id>, CALLER_CHAN=<caller's Uniqueid>; CC_NAILED=1 on a nailed leg makes it return to cc-park.

A customer who is to be called: Originate with Channel Local/dial@cc-callback/n, Context cc-callback, Exten place,
ChannelId = the stand-in's leg id, OtherChannelId = ``dialling_half(leg id)``; variables CC_RES=<reservation id>,
CC_STAND_IN=<leg id>, CC_CALLED, CC_SHOWN, CC_RING. The first half is what an agent's leg is bridged with; the second
waits until SHARED(CC_DIAL) of the first is 1, then dials, once. CCReached and CCMissed tell what came of it.

Several servers: the leg of an agent whose phone is on another server is originated on the caller's server over the
trunk, ``PJSIP/agent-1002@to-OTHER``, with Exten = the agent's extension: it tells whose leg it is, where an ``s`` could
not. There it comes into cc-server, which knows agents' phones and nothing else; both its channels carry the reservation
as account code. Headers of that INVITE: X-CC-Reservation, X-CC-Auto (1: the phone picks up by itself), X-CC-Leg (the
nailed leg to be bridged in place of a new one).
"""

AGENT_PREFIX = "agent-"
"""An agent's endpoint is this and his extension."""

INBOUND = "cc-inbound"
IVR = "cc-ivr"
HOLD = "cc-hold"
PARK = "cc-park"
ALERT_TONE = "cc-alert-tone"
BRIDGE = "cc-bridge"
JOIN = "cc-join"
CONFERENCE = "cc-conference"
FALLBACK = "cc-fallback"
INTERNAL = "cc-internal"
CHECK = "cc-check"
SERVER = "cc-server"
SERVER_LEG = "cc-server-leg"
CALLBACK = "cc-callback"
REACHED = "cc-reached"  # runs on the customer's leg when he answers
CONTEXTS = (
    INBOUND,
    IVR,
    HOLD,
    PARK,
    ALERT_TONE,
    BRIDGE,
    JOIN,
    CONFERENCE,
    FALLBACK,
    INTERNAL,
    CALLBACK,
    REACHED,
    CHECK,
)

CALLBACK_PLACE = "place"  # where the half that stands in for the customer waits for his agent
CALLBACK_OVER = "over"  # its end
CALLBACK_DIAL = "dial"  # where the other half waits until it is to call him
CALLBACK_SECONDS = 3600  # a stand-in that nobody wants any more ends by itself
DIALLED_APPLICATION = "AppDial"  # what Asterisk says a leg runs that Dial() made

REFUSED = "cc-refused"
"""The endpoint of requests with escaped control characters, and its context, which does not exist."""
IDENTIFIER_ORDER = ("header", "request_uri", "username", "auth_username", "ip", "anonymous")

TRUNK_PREFIX = "to-"
"""The endpoint of the trunk to another server is this and the server's id."""

MUSIC_CLASS = "cc-hold"
FALLBACK_QUEUE = "cc-fallback"
CONFERENCE_BRIDGE = "cc-conference"
CONFERENCE_USER = "cc-conference"

VAR_RESERVATION = "CC_RES"
VAR_CALLER = "CALLER_CHAN"
VAR_NEXT = "CC_NEXT"
VAR_MUSIC = "CC_MUSIC"  # seconds of the next round of music, where it is not MUSIC_SECONDS
VAR_DIALED = "CC_DIALED"
VAR_NAILED = "CC_NAILED"
VAR_CHECK = "CC_CHECK"
VAR_SERVES = "CC_SERVES"  # on the agent's server: the reservation a leg over the trunk is for
VAR_AUTO = "CC_AUTO"
VAR_LEG = "CC_LEG"
HEADER_RESERVATION = "X-CC-Reservation"
HEADER_AUTO = "X-CC-Auto"
HEADER_LEG = "X-CC-Leg"
VAR_STAND_IN = "CC_STAND_IN"
VAR_CALLED = "CC_CALLED"  # + and digits
VAR_SHOWN = "CC_SHOWN"  # '': the trunk's own number
VAR_RING = "CC_RING"  # seconds
VAR_DIALLING = "CC_DIALLING"  # 1 from the call on until what came of it was told
SHARED_CLAIM = "CC_BRIDGED"
"""SHARED(CC_BRIDGED) on the caller: the reservation whose leg passed the guard and bridges, or bridged, him."""
SHARED_LEG = "CC_LEG_ID"
"""SHARED(CC_LEG_ID) on the caller: the Uniqueid of the agent's leg that waits for him."""
SHARED_DIAL = "CC_DIAL"
"""SHARED(CC_DIAL) on a stand-in: 1 as soon as its customer is to be called."""

NEXT_HOLD = "hold"  # from a flow "hold:PLACE"
NEXT_HANGUP = "hangup"
NEXT_NO_SERVICE = "noservice"
NEXT_IVR = "ivr"
LABEL_OVER = "over"  # where an agent's leg goes on whose conversation is over, in cc-bridge
LABEL_NEXT = "next"  # where a caller whose conversation is over goes on, in cc-hold

EVENT_ARRIVED = "CCArrived"
EVENT_LOST = "CCLost"
EVENT_FALLBACK = "CCFallback"
EVENT_REACHED = "CCReached"
EVENT_MISSED = "CCMissed"
CEL_HOLD = "CCHold"
CEL_REACHED = "CCReached"

AGI_IVR = "ivr"
AGI_NEXT = "next"
AGI_SECONDS = 3
MUSIC_SECONDS = 30
JOIN_SECONDS = 3  # a caller comes for his agent's leg within milliseconds, or is gone
SERVER_RING_SECONDS = 120  # the caller's server gives up long before

SOUND_NO_SERVICE = "ss-noservice"
SOUND_BEEP = "beep"
SOUND_LEAVE_MESSAGE = "vm-intro"
SOUND_GOODBYE = "vm-goodbye"
SOUNDS = (SOUND_NO_SERVICE, SOUND_BEEP, SOUND_LEAVE_MESSAGE, SOUND_GOODBYE)

CEL_FILE = "contactcenter.csv"
CEL_EVENTS = ("CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "LINKEDID_END", "USER_DEFINED")
CEL_FIELDS = (
    "event",
    "time",  # epoch seconds with six decimals
    "uniqueid",
    "linkedid",
    "channel",
    "caller_number",
    "exten",
    "context",
    "application",
    "peer",
    "user_event",
    "extra",  # JSON: hangupcause, hangupsource, bridge_id, bridge_technology...
    "account",  # of an alert: the caller's Uniqueid (nothing else ties an unanswered agent's leg to its call)
)

AMI_READ = ("call", "user", "reporting", "dialplan", "agent", "system")
AMI_WRITE = ("call", "originate", "reporting", "system")

AMI_EVENTS = (
    "Newchannel",
    "Newstate",
    "Hangup",
    "BridgeEnter",
    "BridgeLeave",
    "UserEvent",
    "OriginateResponse",
    "BlindTransfer",
    "AttendedTransfer",
    "Rename",
    "LocalBridge",
    "LocalOptimizationBegin",
    "LocalOptimizationEnd",
    "ContactStatus",
    "DeviceStateChange",
    "FullyBooted",
    "Shutdown",
)

MODULES = (
    "app_amd",
    "app_bridgewait",
    "app_celgenuserevent",
    "app_channelredirect",
    "app_chanspy",
    "app_confbridge",
    "app_dial",
    "app_mixmonitor",
    "app_playback",
    "app_queue",
    "app_record",
    "app_stack",
    "app_userevent",
    "bridge_simple",
    "bridge_softmix",
    "cel_custom",
    "chan_pjsip",
    "codec_alaw",
    "codec_opus_open_source",
    "codec_ulaw",
    "func_callerid",
    "func_channel",
    "func_global",
    "func_strings",
    "func_timeout",
    "pbx_config",
    "res_agi",
    "res_http_websocket",
    "res_manager_devicestate",
    "res_musiconhold",
    "res_parking",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_registrar",
    "res_pjsip_transport_websocket",
    "res_rtp_asterisk",
    "res_srtp",
)


def dialling_half(stand_in: str) -> str:
    """Return the id of the half that calls the customer; neither id is the beginning of the other."""
    return f"dial-{stand_in}"
