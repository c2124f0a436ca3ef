"""Build the documents as a site: python docs/site/build.py, in the environment of `make docs`.

The site has the folders of the repository, so that relative links stay. A source file that a document leads to becomes
a page; pictures and data are copied. The theme's switch replaces the links between a document and its other language.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE, SITE = ROOT / "build/site-source", ROOT / "build/site"
HERE = Path(__file__).parent
LINK = re.compile(r"(\[[^\]]*\])\(([^)\s#]+)(#[^)\s]*)?\)")
IMAGE = re.compile(r'<img src="([^"]+)" width="(\d+)" alt="([^"]+)">')
COPIED = {".png", ".svg", ".html", ".json", ".jsonl", ".ipynb"}
LANGUAGES = {".py": "python", ".yaml": "yaml", ".properties": "properties"}
SECTIONS = ("Use it", "Train it", "Operate it", "How it is built", "Measured")  # of docs/README.md


def documents() -> list[Path]:
    folders = ("*.md", "docs/*.md", "docs/learn/*.md", "benchmarks/results/*.md")
    return sorted(path for folder in folders for path in ROOT.glob(folder))


def stage(document: Path, missing: list[Path]) -> set[Path]:
    """Write a document's page into `SOURCE`; return the files it leads to, and add those missing to `missing`."""
    text = document.read_text(encoding="utf-8")
    is_korean = document.name.endswith(".ko.md")
    twin = document.name.replace(".ko.md", ".md") if is_korean else document.name.replace(".md", ".ko.md")
    text = re.sub(rf"(?:한국어: |English: )?\[[^\]]*\]\({re.escape(twin)}\)(?: · |, |\.)?", "", text)
    text = IMAGE.sub(r"![\3](\1){ width=\2 }", text)
    files, pages = set(), documents()

    def adapted(found: re.Match[str]) -> str:
        label, target, anchor = found[1], found[2], found[3] or ""
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = (document.parent / target).resolve()
        if path in pages:  # the site has one name for both languages
            return f"{label}({target.replace('.ko.md', '.md')}{anchor})"
        if not path.is_file():  # a folder has no page; a missing file fails the build at its end
            if not path.exists():
                print(f"{document.relative_to(ROOT)} leads to {target}, which does not exist", file=sys.stderr)
                missing.append(path)
            return label[1:-1]
        files.add(path)
        if path.suffix not in COPIED:
            target = target.removesuffix(path.name) + page_name(path, ".md")
        return f"{label}({target}{anchor})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [LINK.sub(adapted, part) for part in parts[::2]]
    write(document.relative_to(ROOT), "".join(parts))
    return files


def page_name(path: Path, ending: str) -> str:
    """Return the name of the page of a source file, without dots, which would mean a language."""
    return path.name.replace(".", "_") + ending


def write(path: Path, text: str) -> None:
    page = SOURCE / path
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")


def stage_file(path: Path) -> None:
    """Copy a picture or data, or write a page that shows a source file, in both languages."""
    name = path.relative_to(ROOT)
    if path.suffix in COPIED:
        (SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, SOURCE / name)
        return
    code = path.read_text(encoding="utf-8")
    page = f"---\nsearch: {{ exclude: true }}\n---\n\n# {path.name}\n\n`{name}`\n\n"
    page += f"````{LANGUAGES.get(path.suffix, 'text')}\n{code}\n````\n"
    for ending in (".md", ".ko.md"):
        write(name.with_name(page_name(path, ending)), page)


def navigation() -> str:
    """Return the `nav` of mkdocs.yaml: the learning path, and the sections of docs/README.md."""
    lines = ["nav:", "  - Overview: README.md", "  - Learn:"]
    learn = ["README.md", *(path.name for path in sorted((ROOT / "docs/learn").glob("[1-8]-*.md"))), "glossary.md"]
    lines += [f"      - docs/learn/{name}" for name in learn if not name.endswith(".ko.md")]
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    for section in SECTIONS:
        lines.append(f"  - {section}:")
        part = index.split(f"\n## {section}\n")[1].split("\n## ")[0]
        for target in re.findall(r"\]\(([^)]+\.md)\)", part):
            if not target.startswith("learn/"):
                lines.append(f"      - {target[3:] if target.startswith('../') else f'docs/{target}'}")
    return "\n".join(lines) + "\n"


def main() -> None:
    for folder in (SOURCE, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    missing: list[Path] = []
    files = set().union(*(stage(document, missing) for document in documents()))
    for path in sorted(files):
        stage_file(path)
    shutil.copy(HERE / "style.css", SOURCE / "style.css")
    text = (HERE / "mkdocs.yaml").read_text(encoding="utf-8")
    config = SOURCE.parent / "mkdocs.yaml"
    config.write_text(text + navigation(), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config)]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    if built.returncode or missing:
        warnings = [line for line in built.stderr.splitlines() if not line.startswith("INFO")]
        sys.exit("\n".join([*warnings, "the site could not be built: correct the links above"]))
    print(f"the site is in {SITE.relative_to(ROOT)}; `make docs SERVE=1` shows it at http://127.0.0.1:8001")


if __name__ == "__main__":
    main()
