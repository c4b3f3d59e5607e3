/**
 * The one JSON socket. Says hello (with resume), applies frames to the slots, pings on the Worker's beat so that
 * hidden tabs keep time, comes back with jittered back-off, and knows how old the data is.
 */

import { learnOffset, now, setStale } from "./clock";
import { CodedError } from "./errors";
import type { ChangesFrame, SlotStore, SnapshotFrame } from "./slots";

export type LinkState = "connecting" | "live" | "lost" | "replaced" | "signed-out" | "protocol";

type ReplyFrame = { type: "reply"; id: string; ok: boolean; data?: Record<string, unknown>; error?: { code: string; fields?: Record<string, unknown> } };
type Frame = SnapshotFrame | ChangesFrame | ReplyFrame | { type: "pong"; sent: number; now: string } | { type: "goodbye"; reason: string };

export interface LinkHandlers {
  /** Runs inside the message handler, before anything else: the path of a pop. */
  slots(changed: string[], isSnapshot: boolean): void;
  state(): void;
}

interface Waiting { resolve(data: Record<string, unknown>): void; reject(error: CodedError): void; timer: number }

const PING_EVERY = 2000;
const STALE_AFTER = 5000;
const DEAD_AFTER = 10_000;
const REPLY_WITHIN = 10_000;
const FIRST_BACKOFF = 300;
/** A server that was away for long is back on the screen within 5 s of its start. */
const MAX_BACKOFF = 4000;

function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Link {
  state: LinkState = "connecting";
  /** Round trip in ms of the last ping; null before the first pong. */
  trip: number | null = null;
  /** Server time of the last word heard. */
  heardAt = now();
  heardOnce = false;
  private heard = performance.now();
  private socket: WebSocket | null = null;
  private readonly instance = randomName();
  private readonly waiting = new Map<string, Waiting>();
  private nextId = 1;
  private lastPing = -PING_EVERY;
  private tries = 0;
  private retry = 0;

  constructor(
    private readonly page: string,
    private readonly path: string,
    private readonly store: SlotStore,
    private readonly on: LinkHandlers,
  ) {}

  open(): void {
    clearTimeout(this.retry);
    this.setState("connecting");
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => this.hello(socket);
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.socket === socket) this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
  }

  /** Called on every beat of the Worker. */
  beat(): void {
    const time = performance.now();
    if (this.socket?.readyState === WebSocket.OPEN && time - this.lastPing >= PING_EVERY) {
      this.lastPing = time;
      this.send({ type: "ping", sent: time });
    }
    if (this.state === "live" && this.age() > DEAD_AFTER) this.reopen();
    setStale(this.age() > STALE_AFTER);
    this.on.state();
  }

  /** Milliseconds since the server was last heard. */
  age(): number {
    return performance.now() - this.heard;
  }

  /** Send an act; resolves with the reply's data, rejects with its coded error. Never repeats by itself. */
  command(name: string, data: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (this.state !== "live") return Promise.reject(new CodedError("link-lost"));
    const id = String(this.nextId++);
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this.settle(id, (one) => one.reject(new CodedError("no-answer"))), REPLY_WITHIN);
      this.waiting.set(id, { resolve, reject, timer });
      this.send({ type: "command", id, name, data });
    });
  }

  /** Take the desk back after another tab took it. */
  takeOver(): void {
    this.store.forgetPlace();
    this.open();
  }

  private hello(socket: WebSocket): void {
    const resume = this.store.resume();
    socket.send(JSON.stringify({ type: "hello", page: this.page, instance: this.instance, protocol: 1, resume }));
    this.lastPing = -PING_EVERY;
  }

  private send(frame: object): void {
    this.socket?.send(JSON.stringify(frame));
  }

  private receive(data: string): void {
    const frame = JSON.parse(data) as Frame;
    this.heard = performance.now();
    this.heardAt = now();
    this.heardOnce = true;
    switch (frame.type) {
      case "changes":
        return this.changes(frame);
      case "snapshot":
        learnOffset(frame.now, 50);
        this.live();
        return this.on.slots(this.store.snapshot(frame), true);
      case "pong":
        return this.pong(frame.sent, frame.now);
      case "reply":
        return this.reply(frame);
      case "goodbye":
        return this.goodbye(frame.reason);
    }
  }

  private changes(frame: ChangesFrame): void {
    const applied = this.store.changes(frame);
    if (applied.gap) {
      this.store.forgetPlace();
      return this.reopen();
    }
    this.live();
    this.on.slots(applied.changed, false);
  }

  private live(): void {
    this.tries = 0;
    if (this.state !== "live") this.setState("live");
    setStale(false);
  }

  private pong(sent: number, serverNow: string): void {
    this.trip = performance.now() - sent;
    learnOffset(serverNow, this.trip);
    // A resume with nothing missed is answered by no frame: the first pong then says that we are live.
    if (this.store.resume()) this.live();
  }

  private reply(frame: ReplyFrame): void {
    this.settle(frame.id, (one) => {
      if (frame.ok) one.resolve(frame.data ?? {});
      else one.reject(new CodedError(frame.error?.code ?? "invalid", frame.error?.fields));
    });
  }

  private settle(id: string, act: (one: Waiting) => void): void {
    const one = this.waiting.get(id);
    if (!one) return;
    this.waiting.delete(id);
    clearTimeout(one.timer);
    act(one);
  }

  private goodbye(reason: string): void {
    if (reason === "replaced" || reason === "signed-out" || reason === "protocol") this.setState(reason);
    if (reason === "slow") this.store.forgetPlace();
  }

  private closed(code: number): void {
    this.socket = null;
    const final = { 4001: "replaced", 4003: "signed-out", 4004: "protocol" } as Record<number, LinkState>;
    for (const id of [...this.waiting.keys()]) this.settle(id, (one) => one.reject(new CodedError("no-answer")));
    const end = final[code] ?? (["replaced", "signed-out", "protocol"].includes(this.state) ? this.state : null);
    if (end) return this.setState(end);
    this.setState("lost");
    this.scheduleRetry();
  }

  private reopen(): void {
    const old = this.socket;
    this.socket = null;
    old?.close();
    for (const id of [...this.waiting.keys()]) this.settle(id, (one) => one.reject(new CodedError("no-answer")));
    this.setState("lost");
    this.scheduleRetry();
  }

  private scheduleRetry(): void {
    const longest = Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** this.tries++);
    clearTimeout(this.retry);
    this.retry = window.setTimeout(() => void this.tryAgain(), longest * (0.5 + Math.random() / 2));
  }

  private async tryAgain(): Promise<void> {
    if (this.tries % 3 === 0 && (await this.isSignedOut())) return this.setState("signed-out");
    this.open();
  }

  private async isSignedOut(): Promise<boolean> {
    try {
      return (await fetch("/api/v1/session", { credentials: "same-origin" })).status === 401;
    } catch {
      return false;
    }
  }

  private setState(state: LinkState): void {
    this.state = state;
    this.on.state();
  }
}
