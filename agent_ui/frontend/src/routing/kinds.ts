/** What the REST API says of queues, profiles, agents and skills; times are seconds. */

export type Levels = Record<string, number>;
export interface Service { order: number; delay: number }
export type Services = Record<string, Service>;
export interface Step { after: number; levels: Levels; teams: string[]; any_team: boolean }
export interface ValueStep { value: number; points: number }
export interface Hours { timezone: string; week: Record<string, string[]>; holidays: string[] }
export interface Way { queue_id: string | null; flow: string }
export interface Disposition { code: string; label: string; is_active: boolean }
export interface Skill { id: string; name: string; label: string; version: number }
export interface Team { id: string; name: string }

export interface Queue {
  id: string;
  name: string;
  priority: number;
  target_time: number;
  goal: number;
  is_active: boolean;
  order: string;
  skills: Levels;
  any_of: Levels[];
  teams: string[];
  preferred: Levels;
  steps: Step[];
}

export interface Profile { id: string; name: string; skills: Levels; queues: Services | null; capacity: Levels }

export interface Agent {
  id: string;
  name: string;
  initials: string;
  extension: string;
  team_id: string | null;
  team: string;
  is_active: boolean;
  profile_id: string | null;
  skills: Levels;
  queues: Services | null;
  capacity: Levels | null;
  effective: { skills: Levels; queues: Services | null; capacity: Levels };
}

/** Fields by their names as a form reads them and the API takes them. */
export type Values = Record<string, unknown>;
/** An id and how people call it. */
export type Item = [id: string, label: string];
