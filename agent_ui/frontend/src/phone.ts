/**
 * The browser phone: one SIP user agent per page, one call at a time. Loaded only by agents who have one.
 * It knows SIP; which interaction a session belongs to is told by the header X-CC-Reservation.
 */

import { UA, WebSocketInterface } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";

export type PhoneState = "connecting" | "registered" | "unregistered" | "no-microphone";

export interface PhoneConfig { uri: string; username: string; password: string; websocket: string; ice_servers: RTCIceServer[] }

export interface PhoneHandlers {
  changed(): void;
  /** A call rings; true answers it at once. */
  rings(call: Call): boolean;
}

const NO_SERVER_WAIT = 60;
/** Candidates of STUN and TURN that come later than this are not waited for: a call rings. */
const SERVER_WAIT = 1000;
const BUSY = 486;

/** The address of a WebSocket; a path is one of our own pages' server. */
function absolute(websocket: string): string {
  return websocket.startsWith("/") ? `${location.origin.replace(/^http/, "ws")}${websocket}` : websocket;
}

/** One SIP session, ringing or up. */
export class Call {
  up = false;
  ended = false;
  private stream: Promise<MediaStream> | null = null;

  constructor(private readonly session: RTCSession, readonly reservation: string, private readonly ice: RTCIceServer[], private readonly lost: () => void) {}

  /** Open the microphone while it rings: answering then costs no waiting for it. */
  warmUp(): void {
    this.stream ??= navigator.mediaDevices.getUserMedia({ audio: true, video: false });
    this.stream.catch(() => this.lost());
  }

  async answer(): Promise<void> {
    this.warmUp();
    const mediaStream = await (this.stream as Promise<MediaStream>);
    if (this.ended || this.session.isEstablished()) return;
    this.session.answer({ mediaStream, pcConfig: { iceServers: this.ice } });
  }

  hangUp(): void {
    if (this.session.isEnded()) return;
    if (this.session.isEstablished()) this.session.terminate();
    else this.session.terminate({ status_code: BUSY });
  }

  get muted(): boolean {
    return this.session.isMuted().audio ?? false;
  }

  toggleMute(): void {
    if (this.muted) this.session.unmute({ audio: true });
    else this.session.mute({ audio: true });
  }

  /** The call is over: let go of the microphone. */
  release(): void {
    this.ended = true;
    this.stream?.then((stream) => stream.getTracks().forEach((track) => track.stop())).catch(() => undefined);
  }
}

export class Phone {
  state: PhoneState = "connecting";
  call: Call | null = null;
  private readonly agent: UA;

  constructor(private readonly config: PhoneConfig, private readonly audio: HTMLAudioElement, private readonly on: PhoneHandlers) {
    this.agent = new UA({
      sockets: [new WebSocketInterface(absolute(config.websocket))],
      uri: config.uri,
      authorization_user: config.username,
      password: config.password,
      register: true,
      register_expires: 120,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
    });
    this.agent.on("registered", () => this.become("registered"));
    this.agent.on("unregistered", () => this.become("unregistered"));
    this.agent.on("registrationFailed", () => this.become("unregistered"));
    this.agent.on("disconnected", () => this.become("unregistered"));
    this.agent.on("newRTCSession", (event: { originator: string; session: RTCSession; request: { getHeader(name: string): string | undefined } }) => {
      if (event.originator === "remote") this.incoming(event.session, event.request.getHeader("X-CC-Reservation") ?? "");
    });
  }

  start(): void {
    this.agent.start();
    addEventListener("pagehide", () => this.leave());
  }

  /** Let the registration go; a call would end with it. */
  stop(): void {
    this.agent.stop();
  }

  /** After a loss: a new connection and a new registration now, without waiting for the back-off. */
  connectAgain(): void {
    this.become("connecting");
    this.agent.stop();
    window.setTimeout(() => this.agent.start(), 100);
  }

  private leave(): void {
    this.call?.hangUp();
    this.agent.stop();
  }

  private become(state: PhoneState): void {
    this.state = state;
    this.on.changed();
  }

  private incoming(session: RTCSession, reservation: string): void {
    if (this.call) return session.terminate({ status_code: BUSY });
    const call = new Call(session, reservation, this.config.ice_servers, () => this.become("no-microphone"));
    this.call = call;
    session.on("peerconnection", ({ peerconnection }: { peerconnection: RTCPeerConnection }) => this.listen(peerconnection));
    session.on("icecandidate", ({ ready }: { ready: () => void }) => {
      window.setTimeout(ready, this.config.ice_servers.length ? SERVER_WAIT : NO_SERVER_WAIT);
    });
    session.on("accepted", () => {
      call.up = true;
      this.on.changed();
    });
    session.on("ended", () => this.over(call));
    session.on("failed", () => this.over(call));
    session.on("muted", () => this.on.changed());
    session.on("unmuted", () => this.on.changed());
    call.warmUp();
    if (this.on.rings(call)) void call.answer().catch(() => undefined);
    this.on.changed();
  }

  private listen(connection: RTCPeerConnection): void {
    connection.addEventListener("track", (event) => {
      this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void this.audio.play().catch(() => undefined);
    });
  }

  private over(call: Call): void {
    call.release();
    if (this.call === call) this.call = null;
    this.audio.srcObject = null;
    this.on.changed();
  }
}
