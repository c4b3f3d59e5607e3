// Runs in the page before anything of the product: when a frame with a ringing call came in, and when the DOM showed it.
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const seen = { frames: [], shown: [], now };
  window.seen = seen;
  window.WebSocket = class extends window.WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        const at = now();
        if (event.data.includes('"alerting"')) seen.frames.push([at, event.data]);
      });
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    const hero = document.querySelector('[data-testid="hero"]');
    if (!hero) return;
    let last = "";
    const look = () => {
      const at = now();
      const id = hero.hidden ? "" : hero.dataset.interaction ?? "";
      if (!id) return void (last = "");
      const title = hero.querySelector('[data-testid="hero-name"]')?.textContent ?? "";
      const card = document.querySelector('[data-testid="card-name"]')?.textContent ?? "";
      const state = `${id}|${title}|${card}`;
      if (state !== last) seen.shown.push([at, id, title, card]);
      last = state;
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-interaction", "hidden"],
    });
  });
})();
