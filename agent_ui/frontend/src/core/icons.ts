/** Every icon of the sprite; build.mjs reads this list, templates may use only these. "f:" is the filled set. */
export const ICONS = [
  "activity", "alert-circle", "alert-triangle", "arrow-down", "arrow-left", "arrow-up", "bell-ringing", "bolt", "book", "building", "calendar",
  "check", "chevron-down", "chevron-left", "chevron-right", "circle-check", "clock", "coffee", "copy", "device-laptop",
  "hand-stop", "headphones", "headset", "history", "hourglass", "keyboard", "language", "layout-sidebar", "list-check", "logout",
  "mail", "maximize", "menu-2", "message-circle", "microphone", "microphone-off", "moon", "notes", "pencil", "phone",
  "phone-call", "phone-incoming", "phone-off", "phone-outgoing", "phone-x", "player-pause", "player-play", "player-track-next",
  "plug-connected", "plug-connected-x", "plus", "question-mark", "refresh", "route", "school", "search", "shield-check", "sun",
  "ticket", "tools-kitchen-2", "transfer", "user", "user-plus", "user-question", "users", "x",
] as const;

export type IconName = (typeof ICONS)[number];
