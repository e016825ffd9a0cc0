"""What MkDocs does beside: the README is the first page, and diagrams are pictures."""  # noqa: INP001  (no package)

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
#: Mermaid would be loaded from another site; the same is drawn by Graphviz.
_DIAGRAM = re.compile(r"<!-- generated: diagram -->.*?<!-- end -->", flags=re.DOTALL)
_PICTURE = "![The lifecycle: statuses, and the events between them](lifecycle.svg)"


def on_files(files: Any, config: Any) -> Any:
    """Add what stands outside of this folder."""
    picture = (ROOT / "diagrams/lifecycle.svg").read_text()
    files.append(File.generated(config, "lifecycle.svg", content=picture))
    changes = (ROOT / "CHANGELOG.md").read_text()
    files.append(File.generated(config, "changelog.md", content=changes))
    return files


def on_page_markdown(markdown: str, page: Any, **_more: Any) -> str:
    """Show the README as the first page, and pictures of diagrams."""
    if page.file.src_uri == "index.md":
        markdown = (ROOT / "README.md").read_text()
        markdown = markdown.replace("](CHANGELOG.md", "](changelog.md")
        markdown = re.sub(r"\[([^]]*)\]\(\.github/[^)]*\)", r"\1", markdown)
    markdown = markdown.replace("](../../CHANGELOG.md", "](../changelog.md")
    markdown = markdown.replace("](docs/", "](").replace("](../README.md", "](index.md")
    return _DIAGRAM.sub(_PICTURE, markdown)
