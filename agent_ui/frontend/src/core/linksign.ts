/** How old the data is, in words: "Live 38 ms", "Data 7 s old", "Not live since 10:44:02". */

import { h, icon, region } from "./dom";
import type { IconName } from "./icons";
import type { Link } from "./socket";
import { clockTime } from "./times";
import { t } from "./texts";

export interface Sign { level: "ok" | "soon" | "breach"; icon: IconName; text: string }

function liveText(link: Link, byAge: boolean): string {
  if (byAge) return t("Data {n} s old, no gaps", { n: Math.max(1, Math.round(link.age() / 1000)) });
  return link.trip === null ? t("Live") : t("Live {n} ms", { n: Math.max(1, Math.round(link.trip)) });
}

/** ``isStill``: the link lives, but the server behind it has no news of the present. */
export function linkSign(link: Link, byAge: boolean, isStill = false): Sign {
  if (link.state === "connecting" && !link.heardOnce) return { level: "soon", icon: "clock", text: t("Connecting") };
  if (link.state !== "live") return { level: "breach", icon: "plug-connected-x", text: t("Not live since {time}", { time: clockTime(link.heardAt, true) }) };
  if (isStill) return { level: "breach", icon: "plug-connected-x", text: t("Stands still") };
  const age = link.age();
  if (age > 5000) return { level: "soon", icon: "clock", text: t("Data {n} s old", { n: Math.floor(age / 1000) }) };
  return { level: "ok", icon: byAge ? "circle-check" : "bolt", text: liveText(link, byAge) };
}

export function paintSign(element: HTMLElement, sign: Sign): void {
  element.dataset["level"] = sign.level;
  region(element, sign, () => [icon(sign.icon, "s"), h("span", { class: "ell" }, sign.text)]);
}
