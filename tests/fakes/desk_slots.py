"""Canned slots of the desktop and the live page, as full as the pictures of the screens."""

from datetime import UTC, datetime, timedelta
from typing import Any

Slot = dict[str, Any]

DISPOSITIONS = [
    ("solved", "Solved on the call"),
    ("lab", "Waits for the lab"),
    ("customer", "Waits for customer"),
    ("technician", "Technician needed"),
    ("not-ours", "Not our fault"),
    ("wrong", "Wrong number"),
]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> \u202eevil\u202c <script>1</script>"


def now() -> datetime:
    return datetime.now(UTC)


def iso(at: datetime, seconds: float = 0) -> str:
    return (at + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(seconds: float) -> str:
    return iso(now(), -seconds)


def ahead(seconds: float) -> str:
    return iso(now(), seconds)


def settings() -> Slot:
    reasons = [("break", "Break"), ("lunch", "Lunch"), ("training", "Training")]
    return {
        "reasons": [{"code": code, "label": label} for code, label in reasons],
        "languages": ["en", "ru", "es"],
        "site": "Hamburg",
        "user": {"id": "u-1", "name": "Sofia Petrova", "initials": "SP", "role": "supervisor", "login": "sofia"},
        "rights": ["live:view"],
    }


def me(state: str = "ready", reason: str = "", work: str = "idle", **more: Any) -> Slot:
    return {
        "agent_id": "a-1",
        "name": "Sofia Petrova",
        "initials": "SP",
        "presence": {"state": state, "reason": reason, "since": ago(161)},
        "work": {"state": work, "interaction_id": None, "since": ago(6), "until": None},
        "device": {"usable": True, "kind": "desk", "endpoint": "agent-1001", "mode": "nailed"},
        "capacity": {"voice": {"used": 0 if work == "idle" else 1, "max": 1}},
        "waiting": {"count": 12, "longest_since": ago(187)},
        "link": {"pbx": "up", "reason": ""},
        "notice": None,
        **more,
    }


def work(state: str = "alerting", **more: Any) -> Slot:
    made: Slot = {
        "interaction_id": "i-1",
        "medium": "voice",
        "state": state,
        "queue": {"id": "q-1", "name": "Support DE"},
        "caller": {"number": "+49 30 901820", "raw": "+4930901820", "name": "", "withheld": False},
        "title": "Marta Köhler",
        "subtitle": "Nordlicht GmbH",
        "entered_at": ago(48),
        "alerted_at": ago(6),
        "expires_at": ahead(14),
        "ring_time": 20,
        "answered_at": None,
        "ended_at": None,
        "ended_by": "",
        "waited": 48.0,
        "talk_time": None,
        "held_since": None,
        "hold_time": 0.0,
        "transferred_to": None,
        "transfer": None,
        "priority": 72,
        "vip": True,
        "choices": ["Technical", "VPN or router"],
        "leg_id": "r-1",
        "reservation_id": "r-1",
        "why": {
            "rule": "longest-idle",
            "considered": 7,
            "eligible": 3,
            "skills": [{"name": "German", "need": 1, "have": 3}, {"name": "Routers", "need": 2, "have": 3}],
            "passed": [{"reason": "skill", "count": 3, "skill": "Routers", "need": 2}, {"reason": "busy", "count": 1}],
            "idle_for": 183.0,
            "next": {"agent": "Chen Wei"},
        },
        "dispositions": [{"code": code, "label": label} for code, label in DISPOSITIONS],
        "disposition": "",
        "note": "",
        "note_saved_at": None,
        "wrap_up": None,
        "tickets": [],
        "needs_disposition": True,
        "target_time": 60.0,
        "callback": None,
    }
    if state != "alerting":
        made |= {"alerted_at": ago(140), "expires_at": None, "ring_time": None, "why": None, "answered_at": ago(134)}
    if state == "wrap-up":
        made |= {
            "answered_at": ago(604),
            "ended_at": ago(72),
            "ended_by": "customer",
            "talk_time": 532.0,
            "wrap_up": {"until": ahead(48), "limit": 120, "extension": 60, "extensions_left": 1},
        }
    return made | more


def transferred(note: str = "Wants the invoice of May again; the VAT id is on it.") -> Slot:
    """Who sent the customer here."""
    agent, queue = {"id": "a-2", "name": "Ines Duarte"}, {"id": "q-2", "name": "Sales"}
    return {"agent": agent, "queue": queue, "at": ago(20), "note": note}


def transfer_queues() -> list[Slot]:
    """The answer of ``transfer-queues``."""
    names = [("q-4", "Billing", 0, 2, True), ("q-2", "Sales", 3, 0, True), ("q-3", "Night desk", 0, 0, False)]
    return [
        {
            "queue_id": queue_id,
            "name": name,
            "waiting": waiting,
            "longest_since": ago(95) if waiting else None,
            "ready": ready,
            "is_open": is_open,
        }
        for queue_id, name, waiting, ready, is_open in names
    ]


TICKETS = [
    ("t-1", 10482, "Router drops VPN every 20 min", "open", 42 * 60, "reply", "p-1", "gold", 90_000),
    ("t-2", 10455, "Invoice with wrong VAT", "open", 18_600, "solve", "p-2", "silver", 190_000),
    ("t-3", 10391, "Box damaged on delivery", "open", -6 * 60, "reply", "p-3", "silver", 290_000),
    ("t-4", 10377, "Static IP for site 3", "open", 79_200, "solve", "p-1", "gold", 390_000),
    (
        "t-5",
        10461,
        "More SIP lines for the new office in Altona",
        "pending",
        3 * 86_400,
        "solve",
        "p-2",
        "gold",
        490_000,
    ),
    ("t-6", 10300, "Old phone sent back", "closed", None, None, "p-2", "silver", 990_000),
]


def tickets() -> list[Slot]:
    """Tickets as the REST API has them."""
    return [
        {
            "id": name,
            "number": number,
            "subject": subject,
            "state": state,
            "due_at": None if due is None else ahead(due),
            "due_kind": kind,
            "person_id": person,
            "interaction_id": None,
            "policy_id": policy,
            "opened_at": ago(age),
            "solved_at": None,
            "closed_at": ago(80_000) if state == "closed" else None,
            "notes": [],
        }
        for name, number, subject, state, due, kind, person, policy, age in TICKETS
    ]


def ticket_lines() -> list[Slot]:
    """The same as a card shows them."""
    shown = ("id", "number", "subject", "state", "due_at", "due_kind")
    return [{key: one[key] for key in shown} for one in tickets()]


def _person(name: str, number: str, person: str, **more: Any) -> Slot:
    return {
        "id": person,
        "name": name,
        "title": "",
        "organisation": None,
        "is_vip": False,
        "heed": "",
        "language": "de",
        "note": "",
        "since": None,
        "value_per_year": None,
        "currency": "EUR",
        "numbers": [{"number": number.replace(" ", ""), "extension": "", "display": number}],
        "emails": [],
        **more,
    }


def people() -> list[Slot]:
    """People as the REST API has them."""
    marta = {
        "title": "Head of IT",
        "organisation": {"id": "o-1", "name": "Nordlicht GmbH"},
        "is_vip": True,
        "heed": "Never reboot site 1 in business hours.",
        "note": "Speaks German and English.",
        "emails": ["marta.koehler@nordlicht.example"],
    }
    return [
        _person("Marta Köhler", "+49 30 901820", "p-1", **marta),
        _person("Kanzlei Reuter", "+49 40 331200", "p-2"),
        _person("Hanna Brandt", "+49 151 9900231", "p-3"),
        *(_person(f"Kunde {n}", f"+49 40 5550{n}", f"p-{n}") for n in range(10, 50)),
    ]


def interactions() -> list[Slot]:
    """Past interactions as the REST API has them."""
    rows = [
        ("Piet de Vries", "+31611223344", 1500, "answered", 212.0, "Wants the contract by mail"),
        ("", "+49407712334", 5200, "answered", 431.0, "Line 2 syncs again"),
        ("Hanna Brandt", "+491519900231", 9000, "abandoned", None, ""),
        ("Kira Holm", "+4520112233", 92_000, "answered", 95.0, ""),
    ]
    return [
        {
            "id": f"x-{place}",
            "medium": "voice",
            "direction": "inbound",
            "caller_name": name,
            "caller_number": number,
            "arrived_at": ago(age),
            "outcome": outcome,
            "segments": [{"agent_id": "a-1", "talk_time": talk, "disposition": "", "note": note}] if talk else [],
        }
        for place, (name, number, age, outcome, talk, note) in enumerate(rows)
    ]


def card(**more: Any) -> Slot:
    history = [
        (
            "i-90",
            60000,
            "email",
            "inbound",
            "answered",
            "",
            "Support DE",
            None,
            "",
            "“Drops again since the update to 4.2”",
        ),
        (
            "i-80",
            11 * 86400,
            "voice",
            "inbound",
            "answered",
            "Sofia Petrova",
            "Support DE",
            401.0,
            "Solved on the call",
            "Router replaced at site 2, solved on the call",
        ),
        ("i-70", 24 * 86400, "voice", "inbound", "abandoned", "", "Support DE", None, "", ""),
        (
            "i-60",
            400 * 86400,
            "chat",
            "inbound",
            "answered",
            "Ana Moreau",
            "Billing",
            185.0,
            "",
            "Asked for the invoice as PDF",
        ),
    ]
    names = (
        "interaction_id",
        "at",
        "medium",
        "direction",
        "outcome",
        "agent",
        "queue",
        "talk_time",
        "disposition",
        "note",
    )
    return {
        "person": {
            "person_id": "p-1",
            "name": "Marta Köhler",
            "initials": "MK",
            "title": "Head of IT",
            "organisation": {"id": "o-1", "name": "Nordlicht GmbH"},
            "vip": True,
            "heed": "Never reboot site 1 in business hours. Best reached before 12:00.",
            "language": "de",
            "since": "2021-03-04T00:00:00.000Z",
            "numbers": ["+49 30 901820", "+49 171 2200113"],
            "emails": ["marta.koehler@nordlicht.example"],
            "note": "Speaks German and English. Decides on renewals with A. Thiel. Sites: Harburg, Altona, Kiel.",
            "value_per_year": 38400,
            "currency": "EUR",
        },
        "confidence": 92,
        "because": "number-matches",
        "candidates": [],
        "open_tickets": ticket_lines()[:2] + ticket_lines()[3:4],
        "history": [dict(zip(names, (row[0], ago(row[1]), *row[2:]), strict=True)) for row in history],
        "history_total": 14,
        "loading": False,
        **more,
    }


def unknown_card(*candidates: tuple[str, str, str, int]) -> Slot:
    rows = [dict(zip(("person_id", "name", "organisation", "confidence"), one, strict=True)) for one in candidates]
    because = "number-shared" if rows else "none"
    return card(
        person=None, confidence=0, because=because, candidates=rows, open_tickets=[], history=[], history_total=0
    )


def queue(
    number: int,
    name: str,
    waiting: int,
    longest: float | None,
    level: float | None,
    quarter: float | None,
    ready: int,
    staffed: int,
    **more: Any,
) -> Slot:
    return {
        "queue_id": f"q-{number}",
        "name": name,
        "priority": 90 - 10 * number,
        "target_time": 60,
        "goal": 80,
        "waiting": waiting,
        "longest_since": ago(longest) if longest is not None else None,
        "offered": 412 - 40 * number,
        "answered": 390 - 40 * number,
        "abandoned": 12 - number,
        "short_abandoned": 3,
        "in_target": 310 - 30 * number,
        "service_level": level,
        "service_level_15": quarter,
        "flowed_out": 0,
        "ready": ready,
        "staffed": staffed,
        "wait": [0, 0] if ready and not waiting else [45 * waiting, 120 * waiting] if waiting else None,
        "is_open": True,
        "opens_at": None,
        **more,
    }


AGENTS = [
    ("Ana Moreau", "talking", "", 860, "Support DE"),
    ("Fatima Zahra", "talking", "", 452, "Support DE"),
    ("Lukas Brandt", "talking", "", 348, "Support DE"),
    ("Mei Tanaka", "talking", "", 291, "Billing"),
    ("Tom Reuter", "hold", "", 20, "Support EN"),
    ("Sofia Petrova", "talking", "", 134, "Support DE"),
    ("Jan Kowalski", "talking", "", 115, "Sales"),
    ("Nora Lindqvist", "talking", "", 48, "VIP desk"),
    ("Omar Haddad", "hold", "", 81, "Support DE"),
    ("Greta Sommer", "wrap", "", 161, "Billing"),
    ("Chen Wei", "wrap", "", 52, "Support DE"),
    ("Paul Arendt", "wrap", "", 36, "Orders"),
    ("Rosa Marin", "wrap", "", 15, "Orders"),
    ("Yusuf Kaya", "alert", "", 6, "Support DE"),
    ("Dara Singh", "ready", "", 303, ""),
    ("Elif Aydin", "ready", "", 198, ""),
    ("Hugo Silva", "ready", "", 100, ""),
    ("Vera Ilina", "ready", "", 41, ""),
    ("Sam Doyle", "ready", "", 12, ""),
    ("Ben Okafor", "away", "break", 710, ""),
    ("Eli Novak", "away", "training", 485, ""),
    ("Kim Larsen", "away", "lunch", 270, ""),
    ("Piet Visser", "off", "", 72, ""),
    ("Ulla Berg", "away", "no-answer", 30, ""),
]
WAITING = [
    ("Dieter Falk", "+49 171 550 2291", 1, 187),
    ("", "+49 40 7712 3345", 1, 121),
    ("Jonas Feddersen", "+49 151 9923 114", 1, 66),
    ("Aylin Demir", "+49 160 442 1182", 3, 51),
    ("", "+49 30 1188 2233", 1, 40),
    ("Kira Holm", "+45 20 11 22 33", 2, 22),
    ("", "", 3, 12),
    ("Piet de Vries", "+31 6 1122 3344", 5, 8),
]
QUEUES = {1: "Support DE", 2: "Support EN", 3: "Billing", 4: "Orders", 5: "Sales", 6: "VIP desk"}


def live() -> dict[str, Slot]:
    slots: dict[str, Slot] = {
        "settings": settings(),
        "totals": {
            "waiting": 8,
            "longest_since": ago(187),
            "ready": 5,
            "signed_in": 22,
            "talking": 8,
            "offered_today": 1240,
            "answered_today": 1180,
            "abandoned_today": 52,
            "short_abandoned_today": 26,
            "in_target_today": 1012,
            "flowed_out_today": 8,
            "service_level_today": 83.4,
            "service_level_15": 71.0,
            "pbx": [{"server_id": "pbx-1", "up": True, "reason": "", "since": ago(9000)}],
            "degraded": [],
        },
        "checks": {
            "at": ago(12),
            "found": [
                {"at": ago(740), "code": "call-gone", "about": "01m80v8xphg38zmkt6hr7gk3wt", "server_id": "pbx-1"}
            ],
        },
        "queue:q-1": queue(1, "Support DE", 4, 187, 74.0, 58.0, 0, 7),
        "queue:q-2": queue(2, "Support EN", 1, 22, 84.0, 82.0, 2, 5),
        "queue:q-3": queue(3, "Billing", 2, 51, 81.0, 78.0, 1, 4),
        "queue:q-4": queue(4, "Orders", 0, None, 88.0, 90.0, 0, 3),
        "queue:q-5": queue(5, "Sales", 1, 8, 92.0, 94.0, 2, 4),
        "queue:q-6": queue(
            *(6, "VIP desk", 0, None, None, None, 0, 1),
            offered=0,
            answered=0,
            abandoned=0,
            is_open=False,
            opens_at=ahead(50_000),
        ),
    }
    for place, (name, state, reason, age, of) in enumerate(AGENTS):
        slots[f"agent:a-{place}"] = {
            "agent_id": f"a-{place}",
            "name": name,
            "state": state,
            "reason": reason,
            "since": ago(age),
            "queue": of,
            "interaction_id": None,
            "team": "Remote" if place % 3 == 2 else "Hamburg",
        }
    for place, (name, number, of, age) in enumerate(WAITING):
        slots[f"waiting:w-{place}"] = {
            "interaction_id": f"w-{place}",
            "caller": number,
            "name": name,
            "queue": {"id": f"q-{of}", "name": QUEUES[of]},
            "since": ago(age),
            "priority": 50,
            "vip": place == 3,
            "place": place + 1,
            "wait": None if place == 5 else [20 + 15 * place, 60 + 40 * place],
            "state": "alerting" if place == 5 else "waiting",
            "agent": "Yusuf Kaya" if place == 5 else "",
            "is_callback": place == 1,
        }
    return slots


def callback(**more: Any) -> Slot:
    """How far the call of a customer is who is called back."""
    return {"asked_at": ago(900), "attempts": 1, "is_reached": False, "result": "", "next_at": None} | more


def callbacks() -> list[Slot]:
    """Promises as the REST API has them."""
    rows = [
        ("cb-1", "waiting", "Marta Köhler", "+49 30 901820", "p-1", 0, "", {}),
        ("cb-2", "paused", "Studio Ahoi", "+49 40 66969 131", "p-2", 1, "busy", {"next_at": ahead(420)}),
        ("cb-3", "calling", "", "+49 171 5502291", None, 1, "", {}),
        ("cb-4", "done", "Dieter Falk", "+49 171 5502292", "p-3", 2, "no-answer", {"reached_at": ago(3000)}),
    ]
    nothing = {"next_at": None, "reached_at": None, "ended_at": None}
    return [
        {
            "id": name,
            "state": state,
            "asked_in": f"i-{name}",
            "interaction_id": None,
            "queue_id": "q-1",
            "queue": "Support DE",
            "person_id": person,
            "customer": customer,
            "number": number,
            "entered_at": ago(1000),
            "asked_at": ago(900),
            "attempts": attempts,
            "result": result,
            **nothing,
            **more,
        }
        for name, state, customer, number, person, attempts, result, more in rows
    ]


def why() -> Slot:
    return {
        "state": "waiting",
        "place": 1,
        "of": 4,
        "wait": [45, 130],
        "considered": 24,
        "needs": [{"skill": "German", "level": 1}, {"skill": "Routers", "level": 2}],
        "passed": [
            {
                "reason": "skill",
                "skill": "Routers",
                "need": 2,
                "count": 17,
                "agents": [
                    {"id": "a-15", "name": "Elif Aydin"},
                    {"id": "a-17", "name": "Vera Ilina"},
                    {"id": "a-18", "name": "Sam Doyle"},
                ],
            },
            {
                "reason": "busy",
                "count": 5,
                "agents": [{"id": "a-0", "name": "Ana Moreau"}, {"id": "a-1", "name": "Fatima Zahra"}],
            },
            {"reason": "wrap-up", "count": 1, "agents": [{"id": "a-10", "name": "Chen Wei"}]},
            {"reason": "not-ready", "count": 1, "agents": [{"id": "a-19", "name": "Ben Okafor"}]},
        ],
        "next": [
            {"kind": "agent-frees", "at": ahead(20), "agent": "Chen Wei"},
            {"kind": "relaxes", "at": ahead(33), "agent": None},
            {"kind": "late", "at": ahead(60), "agent": None},
        ],
        "arithmetic": [{"label_code": "queue-priority", "value": 50}, {"label_code": "call-priority", "value": 17}],
    }


def everyone(count: int = 24, agent: str | None = None) -> dict[str, Any]:
    """Why not he, of so many agents; of who waits now, or of what ``agent`` got."""
    reasons: list[dict[str, Any]] = [
        {"reason": "skill", "about": "Routers", "skill": "s-2", "need": 2},
        {"reason": "offline"},
        {"reason": "busy"},
        {"reason": "not-ready"},
        {"reason": "wrap-up"},
        {"reason": "delay", "about": "Support DE", "delay": "q-1"},
        {"reason": "team", "about": "Hamburg", "team": "t-1"},
        {"reason": "queue", "about": "Support DE", "queue": "q-1"},
        {"reason": "rank"},
    ]
    blank = {"about": "", "skill": "", "need": 0, "team": "", "queue": "", "medium": "", "server": "", "delay": ""}
    agents = [
        {**blank, "window": "", "agent_id": f"a-{n}", "name": _name(n), **reasons[n % (len(reasons) - (agent is None))]}
        for n in range(count)
    ]
    got = {"agent_id": "a-5" if agent else None, "name": agent or "", "at": ago(0)}
    return {"interaction_id": "i-1", **got, "agents": [one for one in agents if one["agent_id"] != got["agent_id"]]}


def _name(number: int) -> str:
    names = [name for name, *_ in AGENTS]
    again = number // len(names)
    return names[number % len(names)] + (f" {again + 1}" if again else "")
