/** Tells of a call whoever does not look at the page: sound, a notification and the title of a hidden tab. */

import type { Work } from "../core/model";
import { t } from "../core/texts";

let context: AudioContext | null = null;
let ringing = "";
let notification: Notification | null = null;
let flash = false;
const plainTitle = document.title;

/** Browsers let a page sound only after a touch; use the first one, and ask for notifications with it. */
export function armRing(): void {
  const arm = (): void => {
    context ??= new AudioContext();
    void context.resume();
    if ("Notification" in window && Notification.permission === "default") void Notification.requestPermission();
  };
  addEventListener("pointerdown", arm, { once: true });
  addEventListener("keydown", arm, { once: true });
}

function tone(at: number, frequency: number, length: number): void {
  if (!context) return;
  const source = context.createOscillator();
  const volume = context.createGain();
  source.frequency.value = frequency;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.12, at + 0.02);
  volume.gain.setTargetAtTime(0, at + length, 0.05);
  source.connect(volume).connect(context.destination);
  source.start(at);
  source.stop(at + length + 0.4);
}

let lastRing = 0;

function ringOnce(): void {
  if (context?.state !== "running" || performance.now() - lastRing < 2400) return;
  lastRing = performance.now();
  const start = context.currentTime + 0.02;
  tone(start, 660, 0.22);
  tone(start + 0.26, 880, 0.3);
}

function notify(work: Work): void {
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  notification = new Notification(t("Incoming call · {queue}", { queue: work.queue.name }), { body: work.title, tag: "contactcenter-call", requireInteraction: true });
  notification.onclick = () => {
    window.focus();
    notification?.close();
  };
}

export function ring(work: Work | null): void {
  const id = work?.interaction_id ?? "";
  if (id === ringing) return;
  ringing = id;
  notification?.close();
  notification = null;
  lastRing = 0;
  if (work) {
    notify(work);
    ringOnce();
  }
  paintTitle(work);
}

function paintTitle(work: Work | null): void {
  document.title = work ? `${t("Incoming call")}: ${work.title}` : plainTitle;
}

let beats = 0;

/** On the Worker's beat, which a hidden tab keeps. */
export function beatRing(work: Work | null): void {
  if (!work) return;
  ringOnce();
  if (!document.hidden) return paintTitle(work);
  beats = (beats + 1) % 4;
  if (beats) return;
  flash = !flash;
  document.title = flash ? `● ${work.title}` : t("Incoming call");
}
