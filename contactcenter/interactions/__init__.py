"""Interactions: one customer contact each, start to end; who alerts whom; what is kept of it."""
