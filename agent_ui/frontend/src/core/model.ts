/** The shapes of slots as the server sends them. Instants are ISO strings, durations seconds. */

import type { Wait } from "./waits";

export type PresenceState = "ready" | "not-ready" | "offline";

export interface Reason { code: string; label: string }

export interface Settings {
  reasons: Reason[];
  languages: string[];
  site: string;
  user: { id: string; name: string; initials: string; role: string; login: string };
  rights: string[];
}

export interface Me {
  agent_id: string;
  name: string;
  initials: string;
  presence: { state: PresenceState; reason: string; since: string | null };
  work: { state: "idle" | "reserved" | "handling" | "wrap-up"; interaction_id: string | null; since: string | null; until: string | null };
  device: { usable: boolean; state: string; kind: "browser" | "desk"; endpoint: string; mode: "ring" | "auto" | "nailed"; simulated?: boolean };
  capacity: { voice: { used: number; max: number } };
  waiting: { count: number; longest_since: string | null };
  link: { pbx: "up" | "down"; reason: string };
  notice: { code: string; at: string } | null;
}

export interface Passed { reason: string; count: number; skill?: string; need?: number; server?: string; agents?: { id: string; name: string }[] }

export interface DecisionWhy {
  rule: string;
  considered: number;
  eligible: number;
  skills: { name: string; need: number; have: number }[];
  passed: Passed[];
  idle_for: number | null;
  next: { agent: string } | null;
}

export interface TicketLine { id: string; number: string | number; subject: string; due_at: string | null; due_kind: string; state: string }

export interface Work {
  interaction_id: string;
  medium: string;
  state: "alerting" | "talking" | "wrap-up";
  queue: { id: string; name: string };
  caller: { number: string; raw: string; name: string; withheld: boolean };
  title: string;
  subtitle: string;
  entered_at: string;
  alerted_at: string | null;
  expires_at: string | null;
  ring_time: number | null;
  answered_at: string | null;
  ended_at: string | null;
  ended_by: "customer" | "agent" | "";
  waited: number;
  talk_time: number | null;
  /** Since when the customer is on hold; the seconds of earlier holds. */
  held_since: string | null;
  hold_time: number;
  /** Where this agent sent the customer; who sent him here, and what he noted. */
  transferred_to: { id: string; name: string } | null;
  transfer: { agent: { id: string; name: string }; queue: { id: string; name: string }; at: string; note: string } | null;
  priority: number;
  vip: boolean;
  choices: string[];
  leg_id: string | null;
  reservation_id: string | null;
  why: DecisionWhy | null;
  dispositions: { code: string; label: string }[];
  needs_disposition?: boolean;
  disposition: string;
  note: string;
  note_saved_at: string | null;
  wrap_up: { until: string; limit: number; extension: number; extensions_left: number } | null;
  tickets: TicketLine[];
  /** He is called back: ``result`` is how the call ended that he did not answer, ``next_at`` when he is called again. */
  callback: { asked_at: string; attempts: number; is_reached: boolean; result: string; next_at: string | null } | null;
}

/** A queue a customer can be sent to: who waits there, how many agents could take him now. */
export interface TransferQueue { queue_id: string; name: string; waiting: number; longest_since: string | null; ready: number; is_open: boolean }

export interface Person {
  person_id: string;
  name: string;
  initials: string;
  title: string;
  organisation: { id: string; name: string } | null;
  vip: boolean;
  heed: string;
  language: string;
  since: string | null;
  numbers: string[];
  emails: string[];
  note: string;
  value_per_year: number | null;
  currency: string;
}

export interface Contact {
  interaction_id: string;
  at: string;
  medium: string;
  direction: string;
  outcome: string;
  agent: string;
  queue: string;
  talk_time: number | null;
  disposition: string;
  note: string;
}

export interface Card {
  person: Person | null;
  confidence: number;
  because: "number-matches" | "number-shared" | "chosen" | "none" | string;
  candidates: { person_id: string; name: string; organisation: string; confidence: number }[];
  open_tickets: TicketLine[];
  history: Contact[];
  history_total: number;
  loading: boolean;
}

export interface Totals {
  waiting: number;
  longest_since: string | null;
  ready: number;
  signed_in: number;
  talking: number;
  offered_today: number;
  answered_today: number;
  abandoned_today: number;
  short_abandoned_today: number;
  in_target_today: number;
  flowed_out_today: number;
  service_level_today: number | null;
  service_level_15: number | null;
  pbx: { server_id: string; up: boolean; reason: string; since: string }[];
  degraded: { code: string; since: string | null; fields: Record<string, unknown> }[];
}

export interface CheckFound {
  at: string;
  code: string;
  about: string;
  server_id: string;
}

export interface Checks {
  at: string | null;
  found: CheckFound[];
}

export interface QueueRow {
  queue_id: string;
  name: string;
  priority: number;
  target_time: number;
  goal: number;
  waiting: number;
  longest_since: string | null;
  offered: number;
  answered: number;
  abandoned: number;
  short_abandoned: number;
  in_target: number;
  service_level: number | null;
  service_level_15: number | null;
  flowed_out: number;
  ready: number;
  staffed: number;
  /** What one who comes now has to wait. */
  wait: Wait;
  is_open: boolean;
  opens_at: string | null;
}

export interface AgentTile {
  agent_id: string;
  name: string;
  state: "ready" | "alert" | "talking" | "hold" | "wrap" | "away" | "off";
  reason: string;
  since: string | null;
  queue: string;
  interaction_id: string | null;
  team: string;
}

export interface WaitingRow {
  interaction_id: string;
  caller: string;
  name: string;
  queue: { id: string; name: string };
  since: string;
  priority: number;
  vip: boolean;
  place: number;
  /** How much longer. */
  wait: Wait;
  state: "waiting" | "alerting";
  agent: string;
  is_callback: boolean;
}

export interface WaitingChange { kind: "agent-frees" | "deadline" | "relaxes" | "delay" | "late" | "window"; at: string; agent: string | null }

export interface WaitingWhy {
  state: "waiting" | "assigned" | "ended";
  place: number | null;
  wait: Wait;
  of: number;
  considered: number;
  needs: { skill: string; level: number }[];
  passed: Passed[];
  /** The soonest first; empty when nothing is planned. */
  next: WaitingChange[];
  arithmetic: { label_code: string; value: number }[];
}
