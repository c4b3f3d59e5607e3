/** One queue with all its rules, whom they match, and what they were before. */

import { api } from "../core/api";
import { h, icon } from "../core/dom";
import { t } from "../core/texts";
import { failed } from "../pages/tickets";
import { dryRun, type DryRunPanel } from "./dry-run";
import { form, type Form } from "./form";
import { history, type History } from "./history";
import type { Values } from "./kinds";
import { retitle, thingPage } from "./page";
import { preview, type Preview } from "./preview";
import { NEW_QUEUE, queueForm } from "./queue-fields";
import { loadWorld, may, type World } from "./world";

/** A preview asks about rules; a name or an outcome changes nothing of it. */
const BESIDE = new Set([
  "name", "dispositions", "is_active", "needs_disposition", "hours", "when_closed", "max_waiting", "when_full", "max_wait", "when_too_long", "when_nobody", "nobody_after",
  "announce_every", "announce",
]);

export function previewValues(changes: Values, id: string): Values {
  const rules = Object.fromEntries(Object.entries(changes).filter(([name]) => !BESIDE.has(name)));
  return id ? { ...rules, queue_id: id } : rules;
}

function build(root: HTMLElement, id: string, values: Values, world: World): void {
  const path = id ? `/api/v1/queues/${encodeURIComponent(id)}` : "/api/v1/queues";
  const mayWrite = may("queues:write");
  const { fields, sections } = queueForm(world, id);
  let past: History | null = null;
  let asked: Preview | null = null;
  let tried: DryRunPanel | null = null;
  const labels = new Map(fields.map((field) => [field.name, field.label]));
  const changed = (): void => {
    asked?.ask();
    tried?.changed();
  };
  const made: Form = form({
    fields, sections, values, mayWrite, isNew: !id, changed,
    reload: () => api.get<Values>(path),
    reloaded: (present) => {
      retitle(root, present);
      void past?.reload();
    },
    save: async (changes, version) => {
      if (!id) {
        const created = await api.post<Values>(path, { ...changes, name: changes["name"] ?? "" });
        queueMicrotask(() => (location.href = `/queues/${encodeURIComponent(String(created["id"]))}`));
        return created;
      }
      const saved = await api.patch<Values>(path, changes, version);
      retitle(root, saved);
      await past?.reload();
      return saved;
    },
  });
  if (may("agents:read")) asked = preview({ world, values: () => previewValues(made.changes(), id), fault: made.fault, clear: made.clear });
  if (id && mayWrite && may("agents:read")) tried = dryRun({ path, labels, values: () => made.changes(), fault: made.fault, clear: made.clear });
  if (id && mayWrite) {
    past = history({ path, version: made.version, labels, restored: (restored) => {
      made.fill(restored);
      retitle(root, restored);
      changed();
    } });
  }
  thingPage(root, ["/queues", t("Queues")], id ? String(values["name"]) : t("New queue"), asked ? [h("a", { class: "btn only-s", href: "#preview" }, icon("users", "s"), t("Who could take it"))] : [], made.element, [asked?.element, tried?.element, past?.element].filter((one): one is HTMLElement => one !== undefined), mayWrite);
}

export async function mountQueue(root: HTMLElement, id: string, signal: AbortSignal): Promise<void> {
  try {
    const isNew = id === "new";
    const [world, values] = await Promise.all([loadWorld(signal), isNew ? NEW_QUEUE : api.get<Values>(`/api/v1/queues/${encodeURIComponent(id)}`, signal)]);
    build(root, isNew ? "" : id, values, world);
  } catch (error) {
    failed(root, error, "/queues", t("Queues"));
  }
}
