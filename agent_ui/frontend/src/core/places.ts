/** Going to another place of the application. The desk shows places inside itself: it never reloads. */

let opener: (href: string) => boolean = () => false;

/** The desk says here how it opens a place in itself; false means: a real page change. */
export function setOpener(open: (href: string) => boolean): void {
  opener = open;
}

export function go(href: string): void {
  if (!opener(href)) location.href = href;
}

/** Plain clicks on our own links go through go(); clicks with a modifier stay the browser's. */
export function watchLinks(): void {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[href^='/']") : null;
    if (link && !link.target && opener(link.getAttribute("href") ?? "")) event.preventDefault();
  });
}
