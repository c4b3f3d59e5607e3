/** Which page a path is, mounted into an element; used by the pages themselves and by the desk. */

import { mountCallbacks } from "./callbacks";
import { mountPeople, mountPerson } from "./people";
import { mountTicket, mountTickets } from "./tickets";

/** Returns what to call when the page is left. */
export function mountPath(root: HTMLElement, path: string): () => void {
  const url = new URL(path, location.href);
  const [, kind, id] = url.pathname.split("/");
  root.replaceChildren();
  if (kind === "tickets") return id ? mountTicket(root, decodeURIComponent(id)) : mountTickets(root, url.searchParams);
  if (kind === "callbacks") return mountCallbacks(root, url.searchParams);
  return id ? mountPerson(root, decodeURIComponent(id)) : mountPeople(root, url.searchParams);
}
