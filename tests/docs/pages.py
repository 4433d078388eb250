"""The written pages: which there are, their headings, links, code blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The page without its code blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        return [body for kind, body in _FENCE.findall(self.text) if kind == language]

    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def spans(self) -> list[str]:
        """Code within lines."""
        return [span.replace("\\|", "|") for span in _SPAN.findall(self.prose)]

    def anchors(self) -> set[str]:
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {
            re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")
            for heading in headings
        }


def pages() -> list[Page]:
    """What a user or a developer reads: README, CONTRIBUTING, CHANGELOG, docs/."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [Page(path) for path in (*top, ROOT / "changelog.d" / "README.md", *sorted(DOCS.rglob("*.md")))]
