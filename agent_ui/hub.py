"""The hub: keeps every open page's feed true.

Desktops hear of their own agent's changes at the end of the loop turn in which they happened; only a pop waits a moment
for its customer's card, so that the page lays out and paints once (``CARD_WAIT``). Live pages are brought up to date
twice a second, a slice of pages per loop turn, so wallboards never delay a call. Each page has a bounded outbox; one
that does not read is closed, nobody waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from agent_ui import protocol
from agent_ui.feeds import Feed
from agent_ui.projections import desktop, live
from contactcenter.core.clock import Clock
from contactcenter.core.ids import AgentId, Ids, InteractionId
from contactcenter.core.permissions import Principal, Right, Scope
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import Interaction

log = structlog.get_logger(__name__)

OUTBOX: Final = 512
LIVE_INTERVAL: Final = 0.5
WAITING_INTERVAL: Final = 2.0
SLICE: Final = 25
CARD_WAIT: Final = 0.02  # seconds; the look-up takes 2 to 5 ms, a page that paints first without the card 30 ms
FEED_KEPT: Final = 60.0
DESKTOP, LIVE = "desktop", "live"


@dataclass(eq=False, slots=True)
class Page:
    """One open page. ``outbox`` holds encoded frames for its socket; ``wake`` tells its writer, ``gone`` its end.

    ``credential`` is the id of the session or token it was opened with: the page ends with it. ``turn`` is held by the
    command being carried out: a page's commands take effect in the order of their coming.
    """

    principal: Principal
    name: str
    instance: str
    settings: Mapping[str, Any]
    feed: Feed
    opened_at: float
    seen_at: float
    credential: str = ""
    outbox: deque[bytes] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    goodbye: str = ""

    def send(self, message: protocol.ServerMessage) -> None:
        """Queue one frame; a page that does not read is told to go. After its goodbye nothing is queued."""
        if self.goodbye:
            return
        if len(self.outbox) >= OUTBOX:
            self.close("slow")
            return
        self.outbox.append(protocol.encode(message))
        self.wake.set()

    def close(self, reason: str) -> None:
        """End the page's socket after a last frame that says why."""
        if not self.goodbye:
            self.goodbye = reason
            self.outbox.clear()
            self.outbox.append(protocol.encode(protocol.Goodbye(reason)))
            self.wake.set()
            self.gone.set()


Degraded = Callable[[], list[dict[str, Any]]]


class Hub:
    """Owner of all pages of this process."""

    def __init__(self, picture: Picture, figures: DayFigures, clock: Clock, ids: Ids, degraded: Degraded) -> None:
        self.picture = picture
        self.pages: set[Page] = set()
        self._figures = figures
        self._clock = clock
        self._ids = ids
        self._degraded = degraded
        self._desktops: dict[AgentId, Page] = {}
        self._kept: dict[tuple[str, str, str], tuple[Feed, float]] = {}
        self._dirty: set[str] = set()
        self._live_dirty = True
        self._told_degraded: list[dict[str, Any]] = []
        self._shown: dict[InteractionId, set[AgentId]] = {}  # whose desktops may show it
        self._late: dict[AgentId, tuple[set[str], asyncio.TimerHandle]] = {}  # pops that wait for their card
        self._waiting: desktop.Waiting = desktop.waiting_view(picture)
        self.checks: Callable[[], dict[str, Any] | None] = lambda: None
        """What the auditor found, for live pages; bootstrap sets it."""
        self.on_desktop: Callable[[AgentId, str], None] = lambda agent_id, instance: None
        """Told of each desktop that opens here, and its instance: it replaces those in other processes."""
        picture.watch(self.touch)

    # ------------------------------------------------------------ pages

    def open(
        self, principal: Principal, hello: protocol.Hello, settings: Mapping[str, Any], credential: str = ""
    ) -> Page:
        """Take up a page: one that resumes gets what it missed, another a snapshot; a second desktop replaces one."""
        now = self._clock.timestamp()
        feed = self._kept_feed(principal, hello, now)
        missed = feed.since(hello.resume.epoch, hello.resume.seq) if feed and hello.resume else None
        if feed is None or missed is None:
            feed = Feed(self._ids.new())
        page = Page(principal, hello.page, hello.instance, settings, feed, now, now, credential)
        if hello.page == DESKTOP and principal.agent_id is not None:
            self._replace_desktop(principal.agent_id, page)
        self.pages.add(page)
        changes = feed.offer(self._all_slots(page))
        if missed is None:
            page.send(feed.snapshot(_iso(self._clock)))
        else:
            for one in [*missed, *([changes] if changes else [])]:
                page.send(one)
        return page

    def _kept_feed(self, principal: Principal, hello: protocol.Hello, now: float) -> Feed | None:
        feed, closed_at = self._kept.pop((principal.user_id, hello.page, hello.instance), (None, 0.0))
        return feed if now - closed_at < FEED_KEPT else None

    def _replace_desktop(self, agent_id: AgentId, page: Page) -> None:
        before = self._desktops.get(agent_id)
        if before is not None and before.instance != page.instance:
            before.close("replaced")
        self._desktops[agent_id] = page
        self.on_desktop(agent_id, page.instance)

    def opened_elsewhere(self, agent_id: AgentId, instance: str) -> None:
        """The agent's desktop is another process's now; the same page may have come back over there."""
        page = self._desktops.pop(agent_id, None)
        if page is not None:
            page.close("replaced" if page.instance != instance else "restart")

    def closed(self, page: Page) -> None:
        """The page's socket is gone; its feed waits a while for it to come back."""
        self.pages.discard(page)
        now = self._clock.timestamp()
        self._kept = {key: kept for key, kept in self._kept.items() if now - kept[1] < FEED_KEPT}
        if not page.goodbye:
            self._kept[page.principal.user_id, page.name, page.instance] = (page.feed, now)
        agent_id = page.principal.agent_id
        if agent_id is not None and self._desktops.get(agent_id) is page:
            del self._desktops[agent_id]

    def identified(self, page: Page, principal: Principal, settings: Mapping[str, Any]) -> None:
        """Take what a page's user may see now; what he may see no more is removed from it."""
        if page.principal.agent_id != principal.agent_id:
            page.close("signed-out")  # he is another agent, or none: the page begins anew
            return
        page.principal, page.settings = principal, settings
        self._push(page, self._all_slots(page))

    def close_credential(self, credential: str) -> None:
        """End every page opened with this session or token; the user's others stay."""
        for page in list(self.pages):
            if page.credential == credential:
                page.close("signed-out")

    def desktop_of(self, agent_id: AgentId) -> Page | None:
        """Return the agent's open desktop."""
        return self._desktops.get(agent_id)

    # ------------------------------------------------------------ changes

    def touch(self, key: str) -> None:
        """Something changed: desktops hear at the end of this loop turn, live pages at their next beat."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.add(key)
        self._live_dirty = True

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, set()
        news: dict[AgentId, set[str]] = {}
        for key in dirty:
            kind, _, one = key.partition(":")
            if kind == "agent":
                news.setdefault(AgentId(one), set()).add("me")
            elif kind in ("work", "card"):
                self._flush_work(InteractionId(one), news)
            elif kind == "link":
                self._touch_agents_of(one)
        for agent_id, keys in news.items():
            page = self._desktops.get(agent_id)
            if page is not None:
                self._tell(page, agent_id, keys)

    def _tell(self, page: Page, agent_id: AgentId, keys: set[str]) -> None:
        before, timer = self._late.pop(agent_id, (set(), None))
        keys |= before
        if any(self._lacks_card(page, key) for key in keys):
            timer = timer or asyncio.get_running_loop().call_later(CARD_WAIT, self._tell_late, agent_id)
            self._late[agent_id] = keys, timer
            return
        if timer is not None:
            timer.cancel()
        self._push(page, self._slots(page, keys))

    def _tell_late(self, agent_id: AgentId) -> None:
        keys, _ = self._late.pop(agent_id)
        page = self._desktops.get(agent_id)
        if page is not None:
            self._push(page, self._slots(page, keys))

    def _lacks_card(self, page: Page, key: str) -> bool:
        """Whether this is a new pop whose customer is still being looked up."""
        kind, _, one = key.partition(":")
        item = self.picture.interactions.get(InteractionId(one))
        if kind != "work" or key in page.feed.slots or item is None or item.alert is None:
            return False
        return item.card is None and self._is_held(page, item)

    def _flush_work(self, interaction_id: InteractionId, news: dict[AgentId, set[str]]) -> None:
        item = self.picture.interactions.get(interaction_id)
        held = item.holders if item is not None else set()
        shown = self._shown.pop(interaction_id, set())
        if held:
            self._shown[interaction_id] = held
        for agent_id in held | shown:
            news.setdefault(agent_id, set()).update((f"work:{interaction_id}", f"card:{interaction_id}"))

    def _touch_agents_of(self, server_id: str) -> None:
        for agent in self.picture.agents.values():
            if agent.device.server_id == server_id:
                self.touch(f"agent:{agent.agent_id}")

    def _push(self, page: Page, slots: Mapping[str, Any]) -> None:
        changes = page.feed.offer(slots)
        if changes is not None:
            page.send(changes)

    # ------------------------------------------------------------ beats

    async def keep_live(self) -> None:
        """For ever: bring the live pages up to date twice a second, a slice of pages per loop turn."""
        while True:
            await asyncio.sleep(LIVE_INTERVAL)
            await self.look_live()

    async def look_live(self) -> None:
        """Refresh the live pages when something was touched; what is wrong with the site comes and goes untouched."""
        degraded = self._degraded()
        if self._live_dirty or degraded != self._told_degraded:
            self._live_dirty, self._told_degraded = False, degraded
            await self._refresh([page for page in self.pages if page.name == LIVE])

    async def keep_waiting(self) -> None:
        """For ever: tell desktops how many wait in all queues, every 2 s."""
        while True:
            await asyncio.sleep(WAITING_INTERVAL)
            waiting = desktop.waiting_view(self.picture)
            if waiting != self._waiting:
                self._waiting = waiting
                await self._refresh([page for page in self.pages if page.name == DESKTOP], ["me"])

    async def _refresh(self, pages: list[Page], keys: list[str] | None = None) -> None:
        shared = await self._shared_slots() if pages and keys is None else {}
        for index, page in enumerate(pages):
            if not page.goodbye:
                self._push(page, self._slots(page, keys) if keys else self._live_view(page, shared))
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    # ------------------------------------------------------------ what a page may see

    def _all_slots(self, page: Page) -> dict[str, Any]:
        if page.name == LIVE:
            return self._live_view(page, dict(self._live_slots()))
        held = [one for one, item in self.picture.interactions.items() if self._is_held(page, item)]
        for one in held:
            self._shown.setdefault(one, set()).add(page.principal.agent_id or AgentId(""))
        keys = {"settings", "me", *(f"{kind}:{one}" for one in held for kind in ("work", "card"))}
        return self._slots(page, keys | page.feed.slots.keys())  # what a page that resumes still shows may be gone

    def _is_held(self, page: Page, item: Interaction) -> bool:
        return page.principal.agent_id is not None and page.principal.agent_id in item.holders

    def _slots(self, page: Page, keys: Iterable[str]) -> dict[str, Any]:
        return {key: self._slot(page, key) for key in keys}

    def _slot(self, page: Page, key: str) -> Any:
        kind, _, one = key.partition(":")
        if kind == "settings":
            return page.settings
        if kind == "me":
            agent = self.picture.agents.get(page.principal.agent_id or AgentId(""))
            return desktop.me_slot(agent, self.picture, self._waiting) if agent else None
        item, agent_id = self.picture.interactions.get(InteractionId(one)), page.principal.agent_id
        if item is None or agent_id is None or agent_id not in item.holders:
            return None
        return desktop.work_slot(item, agent_id, self.picture) if kind == "work" else desktop.card_slot(item)

    async def _shared_slots(self) -> dict[str, Any]:
        """Make the slots all live pages share: once per beat, a slice per loop turn, so that no call waits for them."""
        slots: dict[str, Any] = {}
        for key, slot in self._live_slots():
            slots[key] = slot
            if len(slots) % SLICE == 0:
                await asyncio.sleep(0)
        return slots

    def _live_slots(self) -> Iterator[tuple[str, Any]]:
        """Yield the slots all live pages share, each as of its moment; the picture may change in between."""
        picture = self.picture
        yield "checks", self.checks()
        for queue_id, queue in list(picture.queues.items()):
            yield f"queue:{queue_id}", live.queue_slot(queue, picture, self._figures, self._clock.now())
            ahead = {True: 0, False: 0}  # by whether they are VIP customers
            for place, item in enumerate(picture.in_line(queue_id, self._clock.timestamp()), start=1):
                wait = self._figures.wait(queue_id, ahead[item.vip], vip=item.vip) if item.alert is None else None
                ahead[item.vip] += item.alert is None
                yield f"waiting:{item.interaction_id}", live.waiting_slot(item, place, picture, wait)
        for agent_id, agent in list(picture.agents.items()):
            yield f"agent:{agent_id}", live.agent_slot(agent, picture)

    def _live_view(self, page: Page, shared: Mapping[str, Any]) -> dict[str, Any]:
        """Return one supervisor's part of the shared slots, his totals, and None for what is gone."""
        agents = self._agents(page.principal)
        hidden = {f"agent:{agent_id}" for agent_id in self.picture.agents.keys() - set(agents)}
        view: dict[str, Any] = dict.fromkeys(page.feed.slots)
        view |= {key: slot for key, slot in shared.items() if key not in hidden}
        now = self._clock.now()
        view["totals"] = live.totals_slot(self.picture, agents, self._figures, self._degraded(), now)
        view["settings"] = page.settings
        if page.principal.rights.get(Right.LIVE_VIEW, Scope.OWN) < Scope.SITE and view.get("checks"):
            view["checks"] = {**view["checks"], "found": []}  # they name calls of all teams
        if page.principal.agent_id:
            view["me"] = self._slot(page, "me")
        return view

    def _agents(self, principal: Principal) -> list[AgentId]:
        """Return the agents within the principal's scope of the live page."""
        scope = principal.rights.get(Right.LIVE_VIEW)
        if scope is None:
            return []
        agents = self.picture.agents.values()
        if scope >= Scope.SITE:
            return [agent.agent_id for agent in agents]
        return [agent.agent_id for agent in agents if agent.record.team_id in principal.team_ids]


def _iso(clock: Clock) -> str:
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
