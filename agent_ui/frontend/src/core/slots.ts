/**
 * The page's copy of its slots. Pure: frames in, names of changed slots out.
 * A slot is replaced whole; null removes it. A gap in the numbers changes nothing and is reported,
 * so that old snapshot + changes is always what a fresh snapshot would hold.
 */

export type Slots = Record<string, unknown>;

export interface SnapshotFrame { type: "snapshot"; epoch: string; seq: number; now: string; slots: Slots }
export interface ChangesFrame { type: "changes"; seq: number; prev: number; slots: Slots }

export type Applied = { gap: false; changed: string[] } | { gap: true };

export class SlotStore {
  epoch = "";
  seq = -1;
  private slots = new Map<string, unknown>();

  /** Replace everything; changed names both what came and what went. */
  snapshot(frame: SnapshotFrame): string[] {
    const changed = new Set([...this.slots.keys(), ...Object.keys(frame.slots)]);
    this.slots = new Map(Object.entries(frame.slots).filter(([, value]) => value !== null));
    this.epoch = frame.epoch;
    this.seq = frame.seq;
    return [...changed];
  }

  changes(frame: ChangesFrame): Applied {
    if (frame.prev !== this.seq) return { gap: true };
    this.seq = frame.seq;
    for (const [name, value] of Object.entries(frame.slots)) {
      if (value === null) this.slots.delete(name);
      else this.slots.set(name, value);
    }
    return { gap: false, changed: Object.keys(frame.slots) };
  }

  get<T>(name: string): T | null {
    return (this.slots.get(name) as T | undefined) ?? null;
  }

  /** Values of every slot of one family, e.g. all("work:"). */
  all<T>(prefix: string): T[] {
    const found: T[] = [];
    for (const [name, value] of this.slots) if (name.startsWith(prefix)) found.push(value as T);
    return found;
  }

  /** What a page that comes back tells the server; null before the first snapshot. */
  resume(): { epoch: string; seq: number } | null {
    return this.seq < 0 ? null : { epoch: this.epoch, seq: this.seq };
  }

  /** Forget where we were: the next hello gets a fresh snapshot. Values stay on screen until it comes. */
  forgetPlace(): void {
    this.seq = -1;
  }
}
