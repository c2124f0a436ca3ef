"""Parsers of the repository's Markdown documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from common.paths import ROOT

KOREAN = ".ko.md"


def find_documents() -> list[str]:
    """Return the paths of all documents in both languages, relative to the root."""
    folders = ("*.md", "docs/*.md", "docs/learn/*.md")
    return sorted(str(path.relative_to(ROOT)) for folder in folders for path in ROOT.glob(folder))


def english_documents() -> list[str]:
    return [name for name in find_documents() if not name.endswith(KOREAN)]


def twin_of(name: str) -> str:
    """Return the path of a document in the other language."""
    return name.replace(KOREAN, ".md") if name.endswith(KOREAN) else name.replace(".md", KOREAN)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Return each command of the console blocks with the output printed below it."""
    for block in blocks(text, "console"):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def shell_lines(text: str) -> list[str]:
    """Return the lines of the sh blocks, which the tests do not run, without comments."""
    lines = [re.sub(r"(^|\s+)#.*", "", line) for block in blocks(text, "sh") for line in block.splitlines()]
    return [line for line in lines if line]


def links(text: str) -> list[str]:
    """Return the targets of links and pictures that lead into the repository."""
    prose = without_blocks(text)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'\bsrc="([^"]+)"', prose)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def resolve(name: str, target: str) -> Path:
    """Return the file that a link in the document `name` leads to."""
    path = target.partition("#")[0]
    return (ROOT / name).parent / path if path else ROOT / name
