"""A simulated day of the router: callers, agents and a rule in, figures out. See docs/routing/simulator.md."""
