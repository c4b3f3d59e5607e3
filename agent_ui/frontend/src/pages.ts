/** Entry of the pages of tickets and people when they are opened by themselves. */

import { loadTexts } from "./core/texts";

await loadTexts(document.documentElement.lang);
await import("./pages/main");
