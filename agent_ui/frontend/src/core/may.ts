/** What the user may do, as the page was told when it was made; the server checks each act anew. */

export const may = (right: string): boolean => (document.documentElement.dataset["may"] ?? "").split(" ").includes(right);
