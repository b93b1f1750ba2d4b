"""Figures of the source: sizes of files and functions, imports of our own modules, circles.

python -m bench.house
"""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import mean, median

import grimp

ROOT = Path(__file__).parents[1]
PROGRAMS = ("curator", "train", "tag_models")


def main() -> None:
    graph = grimp.build_graph(*PROGRAMS, cache_dir=None)
    for program in PROGRAMS:
        files = [path for path in sorted((ROOT / program).rglob("*.py")) if path.stem != "__init__"]
        if not files:
            continue
        texts = {path: path.read_text("utf-8") for path in files}
        trees = {path: ast.parse(text) for path, text in texts.items()}
        lines = [len(text.splitlines()) for text in texts.values()]
        functions = [length for tree in trees.values() for length in _functions(tree)]
        imports = {path: len(_ours(tree)) for path, tree in trees.items()}
        most = sorted(imports, key=lambda path: -imports[path])[:8]
        print(f"{program}: {len(files)} files, median {median(lines):.0f} lines, longest {max(lines)}")
        if functions:
            print(
                f"  functions: {len(functions)}, median {median(functions):.0f} lines, longest {max(functions)}"
            )
        print(f"  imports of our own modules at the top of a file: {mean(imports.values()):.2f}")
        print("  most: " + ", ".join(f"{path.relative_to(ROOT)} {imports[path]}" for path in most))
    print(f"circles, late and type-only imports counted: {len(_circles(graph))} {_circles(graph)}")


def _functions(tree: ast.Module) -> list[int]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.end_lineno or 0) - node.lineno + 1 for node in ast.walk(tree) if isinstance(node, kinds)]


def _ours(tree: ast.Module) -> set[str]:
    """Modules of ours imported when the file is; `from package import module` is the module."""
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            home = ROOT.joinpath(*node.module.split("."))
            found |= {
                f"{node.module}.{name.name}" if (home / f"{name.name}.py").exists() else node.module
                for name in node.names
            }
    return {name for name in found if name.partition(".")[0] in PROGRAMS}


def _circles(graph: grimp.ImportGraph) -> list[str]:
    """Modules that are reached from what they import."""
    return sorted(
        module
        for module in graph.modules
        if any(
            graph.chain_exists(importer=below, imported=module)
            for below in graph.find_modules_directly_imported_by(module)
        )
    )


if __name__ == "__main__":
    main()
