"""A flow as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), drawn from the nodes' own targets."""

from ivr.flow import Flow
from ivr.nodes import Callback, Enqueue, HangUp, Hours, Menu, Node, Set


def mermaid(flow: Flow) -> str:
    """Return the flow's chart as text; node names and labels are escaped, so any flow gives a valid chart."""
    ids = {name: f"n{index}" for index, name in enumerate(flow.nodes)}
    lines = ["flowchart TD", f"  start(({_quoted('call')})) --> {ids[flow.start]}"]
    for name, node in flow.nodes.items():
        left, right = _shape(node)
        lines.append(f"  {ids[name]}{left}{_quoted(f'{name}: {_what(node)}')}{right}")
        for label, target in node.targets():
            arrow = f"-->|{_quoted(label)}|" if label else "-->"
            lines.append(f"  {ids[name]} {arrow} {ids[target]}")
    return "\n".join(lines) + "\n"


def _shape(node: Node) -> tuple[str, str]:
    if isinstance(node, Menu | Hours):
        return "{", "}"
    return ("([", "])") if isinstance(node, Enqueue | HangUp) else ("[", "]")


def _what(node: Node) -> str:
    kind = type(node).__name__.lower()
    if isinstance(node, Enqueue | Callback):
        kind = f"{kind} {node.queue or 'the same queue'}"
    if isinstance(node, Enqueue | Callback | Set) and node.skills:
        kind += " " + ", ".join(f"{name} >= {level}" for name, level in node.skills.items())
    if isinstance(node, Enqueue | Callback | Set) and node.priority is not None:
        kind += f", priority {node.priority}"
    return kind


def _quoted(text: str) -> str:
    escaped = "".join(char if char.isalnum() or char in " _-.,:" else f"#{ord(char)};" for char in text)
    return f'"{escaped}"'
