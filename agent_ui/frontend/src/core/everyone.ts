/** Of every agent, why he did not get it: asked for by hand, kept while the panel around it is painted anew. */

import { api } from "./api";
import { h, icon, rich, show, bold, type Child } from "./dom";
import { errorText } from "./errors";
import { may } from "./may";
import { number, t, tn } from "./texts";
import { clockTime } from "./times";

export interface PassedAgent { agent_id: string; name: string; reason: string; about: string; skill: string; need: number; server: string; medium: string }
export interface WhyAgents { agent_id: string | null; name: string; at: string; agents: PassedAgent[] | null }

/** Those who lack least first: who could have had it, who is busy, who is away, who does not fit. */
const NEAREST = ["rank", "window", "reserve", "wrap-up", "reserved", "busy", "device", "not-ready", "offline", "delay", "team", "skill", "queue", "medium", "server"];

const MEDIA: Record<string, () => string> = { "voice": () => t("takes no calls"), "chat": () => t("takes no chats"), "email": () => t("takes no mails") };

const REASONS: Record<string, (one: PassedAgent) => string> = {
  "rank": () => t("could take it, others come first by the rule"),
  "window": (one) => t("not asked yet: it waits for {agent}, who knows the customer", { agent: one.about }),
  "reserve": () => t("kept free for VIP customers"),
  "wrap-up": () => t("in wrap-up"),
  "reserved": () => t("is being rung"),
  "busy": () => t("has other work"),
  "device": () => t("phone is not reachable"),
  "not-ready": () => t("not ready"),
  "offline": () => t("offline"),
  "delay": (one) => t("serves {queue} only after a longer wait", { queue: one.about }),
  "team": (one) => t("not in team {team}", { team: one.about }),
  "skill": (one) => t("needs {skill} {level} or better", { skill: one.about ? t(one.about) : one.skill, level: one.need }),
  "queue": (one) => t("does not serve {queue}", { queue: one.about }),
  "medium": (one) => MEDIA[one.medium]?.() ?? t("takes no {medium}", { medium: one.medium }),
  "server": (one) => t("cannot be reached from phone system {name}", { name: one.server }),
};

export const reasonText = (one: PassedAgent): string => REASONS[one.reason]?.(one) ?? t("could not take it ({reason})", { reason: one.reason });

const rank = (one: PassedAgent): number => NEAREST.indexOf(one.reason) + (NEAREST.includes(one.reason) ? 0 : NEAREST.length + 1);

/** Nearest to getting it first, then by name; of those who lack a level, the least demanded first. */
export function sorted(agents: readonly PassedAgent[]): PassedAgent[] {
  return [...agents].sort((a, b) => rank(a) - rank(b) || a.need - b.need || a.about.localeCompare(b.about) || a.name.localeCompare(b.name));
}

/** Whose name or reason has every word. */
export function matching(agents: readonly PassedAgent[], text: string): PassedAgent[] {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return agents.filter((one) => {
    const said = `${one.name} ${reasonText(one)}`.toLocaleLowerCase();
    return words.every((word) => said.includes(word));
  });
}

const AT_ONCE = 50;
/** From so many on there is a field to search in. */
const MANY = 12;

export interface Everyone {
  element: HTMLElement;
  /** What it is about; another one closes it, the same leaves it as it is. '' hides it. */
  about(id: string): void;
}

export function everyone(): Everyone {
  let id = "";
  let open = false;
  let asked = 0;
  let told: PassedAgent[] = [];
  let most = AT_ONCE;
  const toggle = h("button", { type: "button", class: "btn sm", "aria-expanded": "false", "data-testid": "every-agent" }, icon("users", "s"), h("span", null, t("Show every agent")));
  const again = h("button", { type: "button", class: "btn gh sm sq", "aria-label": t("Ask again"), title: t("Ask again"), "data-testid": "every-again" }, icon("refresh", "s"));
  const lead = h("p", { class: "small mut grow", role: "status", "data-testid": "every-lead" });
  const search = h("input", { class: "in", type: "search", autocomplete: "off", "aria-label": t("Search in names and reasons"), placeholder: t("Name or reason"), "data-testid": "every-q" });
  const rows = h("tbody");
  const table = h("table", { class: "tb ev-t", "data-testid": "every-list" }, h("caption", { class: "sr" }, t("Every agent")),
    h("thead", { class: "sr" }, h("tr", null, h("th", { scope: "col" }, t("Agent")), h("th", { scope: "col" }, t("Why not")))), rows);
  const none = h("p", { class: "none" });
  const more = h("button", { type: "button", class: "btn sm", "data-testid": "every-more" }, t("Show more"));
  const problem = h("div", { class: "bar breach", role: "alert", "data-testid": "every-problem" });
  const body = h("div", { class: "ev-b", "data-testid": "every-body" }, h("div", { class: "fx" }, lead, again), search, problem, table, none, more);
  const element = h("section", { class: "ev", "aria-label": t("Every agent") }, toggle, body);

  const say = (...parts: Child[]): void => lead.replaceChildren(...parts.filter((part): part is string | Node => Boolean(part)));
  const clear = (): void => {
    for (const one of [search, table, none, more, problem, again]) show(one, false);
    rows.replaceChildren();
  };
  const paint = (): void => {
    const found = matching(told, search.value);
    rows.replaceChildren(...found.slice(0, most).map((one) => h("tr", { "data-testid": "every-row" }, h("td", { class: "b" }, one.name || t("an agent who is no more")), h("td", { class: "ink2" }, reasonText(one)))));
    show(table, found.length > 0);
    show(none, told.length > 0 && found.length === 0);
    none.textContent = t("Nobody found.");
    show(more, found.length > most);
  };
  const answer = (why: WhyAgents): void => {
    show(again, why.agent_id === null);
    if (why.agents === null) return say(t("This was decided too long ago: what each agent did then is no longer kept."));
    told = sorted(why.agents);
    show(search, told.length > MANY);
    const time = bold(clockTime(why.at, true));
    const count = told.length ? tn("{n} other agent.", "{n} other agents.", told.length, { n: number(told.length) }) : t("No other agent was known.");
    if (why.agent_id === null) say(rich(t("As it stands at {time}."), { time }), " ", told.length ? tn("{n} agent.", "{n} agents.", told.length, { n: number(told.length) }) : t("No agent is known."));
    else say(rich(t("Given to {agent} at {time}."), { agent: bold(why.name || t("an agent who is no more")), time }), " ", count);
    paint();
  };
  const load = async (): Promise<void> => {
    const mine = ++asked;
    clear();
    say(t("Asking about every agent …"));
    try {
      const why = await api.get<WhyAgents>(`/api/v1/interactions/${encodeURIComponent(id)}/why/agents`);
      if (mine === asked) answer(why);
    } catch (error) {
      if (mine !== asked) return;
      say();
      problem.replaceChildren(icon("alert-circle"), h("span", { class: "grow" }, errorText(error)), h("button", { type: "button", class: "btn sm", onclick: () => void load() }, t("Try again")));
      show(problem, true);
    }
  };
  const set = (isOpen: boolean): void => {
    open = isOpen;
    toggle.setAttribute("aria-expanded", String(open));
    (toggle.lastElementChild as HTMLElement).textContent = open ? t("Hide every agent") : t("Show every agent");
    show(body, open);
    asked++;
    if (!open) return clear();
    most = AT_ONCE;
    search.value = "";
    void load();
  };
  toggle.addEventListener("click", () => set(!open));
  again.addEventListener("click", () => void load());
  search.addEventListener("input", () => {
    most = AT_ONCE;
    paint();
  });
  more.addEventListener("click", () => {
    const first = Math.min(most, rows.children.length);
    most += AT_ONCE;
    paint();
    if (more.hidden) search.focus();
    rows.children[first]?.scrollIntoView({ block: "nearest" });
  });
  show(element, false);
  set(false);
  return {
    element,
    about: (wanted) => {
      show(element, wanted !== "" && may("interactions:read"));
      if (wanted === id) return;
      id = wanted;
      set(false);
    },
  };
}
