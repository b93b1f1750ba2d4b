"""No module is reached from what it imports, late and type-only imports counted."""

from __future__ import annotations

import grimp


def test_no_module_imports_itself_by_others() -> None:
    graph = grimp.build_graph("curator", "train", "tag_models", cache_dir=None)
    circles = [
        f"{module} -> {' -> '.join(chain)}"
        for module in sorted(graph.modules)
        for below in sorted(graph.find_modules_directly_imported_by(module))
        if (chain := graph.find_shortest_chain(importer=below, imported=module))
    ]
    assert circles == []
