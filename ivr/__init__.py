"""Call flows as files: a pure interpreter, its loader, and the runner that drives a call session."""
