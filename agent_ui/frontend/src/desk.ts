/** Entry of the desk: the texts first, because the parts are built with them. */

import { loadTexts } from "./core/texts";

await loadTexts(document.documentElement.lang);
await import("./desk/main");
