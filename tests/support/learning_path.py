"""Write the code, the output and the pictures of docs/learn from the scripts, and the notebooks from the pages.

python -m tests.support.learning_path 1 2 3 4 5    # runs these steps for their outputs and pictures
python -m tests.support.learning_path              # code and notebooks only

A page includes a part of a file as <!-- code FILE#PART --> … <!-- /code -->. PART is a cell ("# %% PART") or the name
of a class or function. A cell of a script that takes no argument is followed by the output that it printed.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import training  # noqa: F401 - before torch: it sets how torch's threads wait
from common.paths import ROOT

LEARN = ROOT / "docs/learn"
STEPS = sorted(path.stem for path in LEARN.glob("[1-8]-*.md") if not path.name.endswith(".ko.md"))
INCLUDED = re.compile(r"<!-- code (\S+?)#(.+?) -->\n(.*?)<!-- /code -->", re.DOTALL)
SCRIPT = re.compile(r"training/learn/step[1-5]_\w+\.py")
FROM_ROOT = """import os
import sys

while not os.path.exists("training/learn"):
    os.chdir("..")
sys.path.insert(0, os.getcwd())
import training  # before torch: it sets how torch's threads wait"""
NOTEBOOKS = {".md": "tensor-to-service.ipynb", ".ko.md": "tensor-to-service.ko.ipynb"}


def cells(script: str) -> dict[str, str]:
    """Return the code of each cell of a script, by name, in order."""
    parts = re.split(r"^# %% (.+)\n", (ROOT / script).read_text(), flags=re.MULTILINE)
    return {name: code.strip() for name, code in zip(parts[1::2], parts[2::2], strict=True)}


def code_of(file: str, part: str) -> str:
    """Return a cell, class or function of a Python file, or the whole of another file."""
    text = (ROOT / file).read_text()
    if part == "all":
        return text.strip()
    if "# %% " in text:
        return cells(file)[part]
    (node,) = (node for node in ast.parse(text).body if getattr(node, "name", None) == part)
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def run_cells(script: str) -> dict[str, str]:
    """Run a script cell by cell and return what each cell printed."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = {}
    for name, code in cells(script).items():
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(compile(code, f"{script}#{name}", "exec"), namespace)  # noqa: S102
        printed[name] = stream.getvalue()
    return printed


def fill(page: str, outputs: dict[str, dict[str, str]]) -> str:
    """Return a page with the code of its files, and with the outputs of the scripts that ran."""

    def filled(found: re.Match[str]) -> str:
        file, part, shown = found.groups()
        language = "python" if file.endswith(".py") else "properties"
        block = f"```{language}\n{code_of(file, part)}\n```\n"
        old = re.search(r"^```text\n.*?^```\n", shown, re.MULTILINE | re.DOTALL)
        if file in outputs:
            text = outputs[file][part]
            block += f"\n```text\n{text}```\n" if text else ""
        elif old:
            block += f"\n{old[0]}"
        return f"<!-- code {file}#{part} -->\n{block}<!-- /code -->"

    return INCLUDED.sub(filled, page)


def notebook(ending: str) -> dict[str, Any]:
    """Return the notebook of the first five steps in one language, from their pages."""
    pages = [LEARN / f"{step}{ending}" for step in STEPS[:5]]
    parts = [part for page in pages for part in notebook_cells(page.read_text(encoding="utf-8"))]
    parts.insert(0, ("code", FROM_ROOT))
    made = []
    for i, (kind, text) in enumerate(parts):
        cell: dict[str, Any] = {"id": f"cell-{i}", "cell_type": kind, "metadata": {}}
        cell["source"] = text.splitlines(keepends=True)
        made.append({**cell, "execution_count": None, "outputs": []} if kind == "code" else cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def notebook_cells(page: str) -> Iterator[tuple[str, str]]:
    """Return the cells of a page: prose, code, and for each picture a cell that shows the one just drawn."""
    folded = r"<details[^>]*><summary>[^<]*</summary>\s*(<!-- code .*?<!-- /code -->)\s*</details>"
    page = re.sub(folded, r"\1", page, flags=re.DOTALL)
    rest = 0
    for found in re.finditer(rf"{INCLUDED.pattern}|!\[[^\]]*\]\((\S+\.png)\)", page, re.DOTALL):
        prose = page[rest : found.start()].strip()
        rest = found.end()
        if prose:
            yield "markdown", prose
        file, part, _, picture = found.groups()
        if picture:
            yield "code", f"from IPython.display import Image\n\nImage('build/learn/{picture}', width=500)"
        elif SCRIPT.fullmatch(file):
            yield "code", code_of(file, part)
        else:
            yield "markdown", f"`{file}`:\n\n```python\n{code_of(file, part)}\n```"
    yield "markdown", page[rest:].strip()


def main() -> None:
    steps = "".join(sys.argv[1:])
    scripts = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(f"training/learn/step[{steps}]_*.py"))]
    outputs = {script: run_cells(script) for script in scripts} if steps else {}
    if steps:
        for picture in (ROOT / "build/learn").glob(f"[{steps}]-*.png"):
            shutil.copy(picture, LEARN)
    for page in LEARN.glob("*.md"):
        page.write_text(fill(page.read_text(encoding="utf-8"), outputs), encoding="utf-8")
    for ending, name in NOTEBOOKS.items():
        text = json.dumps(notebook(ending), indent=1, ensure_ascii=False) + "\n"
        (LEARN / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
