"""Draw the rooms of the code and the imports between them: `make house`.

A room is a folder (or a module beside folders); an arrow says how many imports of
modules go from one room to another. Arrows point down: the linter holds it.
"""

import argparse
from collections import Counter
from pathlib import Path

import grimp

PACKAGES = (
    "interlock",
    "interlock_adapters.sql",
    "interlock_adapters.http",
    "interlock_adapters.subprocess",
)


def _room(module: str, package: str) -> str:
    """Return the folder of a module, directly below its package."""
    inner = module.removeprefix(package).lstrip(".")
    return inner.partition(".")[0] or "(package)"


def arrows(graph: grimp.ImportGraph, package: str) -> Counter[tuple[str, str]]:
    """Return how many imports go from each room of a package to each other."""
    counts: Counter[tuple[str, str]] = Counter()
    inside = {m for m in graph.modules if f"{m}.".startswith(f"{package}.")}
    for importer in inside:
        for imported in graph.find_modules_directly_imported_by(importer):
            pair = (_room(importer, package), _room(imported, package))
            if imported in inside and pair[0] != pair[1]:
                counts[pair] += 1
    return counts


def picture() -> str:
    """Return a Mermaid picture of each package."""
    graph = grimp.build_graph(
        "interlock",
        "interlock_adapters",
        exclude_type_checking_imports=True,
        cache_dir=None,
    )
    parts = ["# The house\n\nMade by `make house`. A number counts imports.\n"]
    for package in PACKAGES:
        counts = arrows(graph, package)
        rooms = {room for pair in counts for room in pair}
        lines = [
            f"    {source.strip('()')} -->|{count}| {target.strip('()')}"
            for (source, target), count in sorted(counts.items())
            if "(package)" not in {source, target}
        ]
        head = f"## {package}: {len(rooms - {'(package)'})} rooms, {len(lines)} arrows"
        parts.append("\n".join([head, "", "```mermaid", "graph TD", *lines, "```", ""]))
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="where to write the picture")
    options = parser.parse_args()
    if options.write:
        options.write.write_text(picture(), encoding="utf-8")
    else:
        print(picture())


if __name__ == "__main__":
    main()
