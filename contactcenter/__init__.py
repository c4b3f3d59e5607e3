"""The desk: people, customers, work and promises. See docs/architecture.md for what lives where."""
