"""Dry runs: a day as it was stored, played once more under changed rules of a queue; nothing is changed by it."""
