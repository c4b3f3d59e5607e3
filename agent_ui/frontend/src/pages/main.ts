/** Tickets and people as pages of their own. */

import { tick } from "../core/clock";
import { byId } from "../core/dom";
import { watchLinks } from "../core/places";
import { startShell } from "../core/shell";
import { mountPath } from "./mount";

startShell({ keys: [], mayReload: () => true });
watchLinks();
mountPath(byId("view"), location.pathname + location.search);
setInterval(tick, 500);
