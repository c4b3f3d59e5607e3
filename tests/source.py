"""The project's own source as syntax trees, for the tests of conventions and for the pages made from the source."""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T", bound=ast.AST)
PACKAGES = ("contactcenter", "cti", "routing", "ivr", "agent_ui")


@dataclass
class Module:
    """One source file, parsed and walked once, when first asked. ``path`` is relative to the root, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def of(self, *kinds: type[T]) -> list[T]:
        """Every node of these kinds."""
        return [node for node in self.nodes if isinstance(node, kinds)]

    @cached_property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """Every call with the dotted text of what is called."""
        return [(ast.unparse(node.func), node) for node in self.of(ast.Call)]

    @cached_property
    def imports(self) -> list[tuple[str, str]]:
        """Every (module, name) imported anywhere; name '' for a plain import."""
        plain = [(alias.name, "") for node in self.of(ast.Import) for alias in node.names]
        return plain + [(node.module or "", alias.name) for node in self.of(ast.ImportFrom) for alias in node.names]

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return self.of(ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the product, in order of its path."""
    files = sorted(
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts
    )
    return tuple(_read(path) for path in files)


def _read(path: Path) -> Module:
    return Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def line_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
