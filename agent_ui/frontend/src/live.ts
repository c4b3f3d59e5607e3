/** Entry of the live page: the texts first, because the parts are built with them. */

import { loadTexts } from "./core/texts";

await loadTexts(document.documentElement.lang);
await import("./live/main");
