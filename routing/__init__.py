"""Who gets which work: a pure engine and the thin shell that runs it."""
