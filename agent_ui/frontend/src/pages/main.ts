/** Tickets, people and the rules of routing as pages of their own. */

import { tick } from "../core/clock";
import { byId } from "../core/dom";
import { watchLinks } from "../core/places";
import { startShell } from "../core/shell";
import { t } from "../core/texts";
import { mountPath } from "./mount";

const ROUTING = /^\/(queues|skills|profiles|agents)(\/|$)/;
const isRouting = ROUTING.test(location.pathname);

startShell({ keys: isRouting ? [["Ctrl S", t("Save")]] : [], mayReload: () => document.documentElement.dataset["unsaved"] === undefined });
watchLinks();
if (isRouting) (await import("../routing/mount")).mountRouting(byId("view"), location.pathname);
else mountPath(byId("view"), location.pathname + location.search);
setInterval(tick, 500);
