"""Pure views: live objects in, JSON-able slots out. A slot says all about one thing; see ``agent_ui.protocol``."""
