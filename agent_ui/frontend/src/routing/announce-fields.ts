/** What callers in line hear between the music. */

import { t } from "../core/texts";
import { numberField, selectField, type Field } from "./controls";

const MOST = 600;
const WHAT = (): [string, string][] => [
  ["both", t("Their place and the wait")],
  ["place", t("Their place in line")],
  ["wait", t("How long they will wait")],
];

export function announcements(): Field[] {
  return [
    numberField({ name: "announce_every", label: t("Tell callers every"), hint: t("20 to 600 seconds; 0: they hear only music.") }, { unit: t("s"), most: MOST }),
    selectField({ name: "announce", label: t("What they are told"), hint: t("Of the wait nothing is said while it is not known.") }, WHAT()),
  ];
}
