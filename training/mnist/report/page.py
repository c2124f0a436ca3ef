"""The report as one HTML page that loads nothing from elsewhere; its pictures lie beside it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from string import Template

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
  img { max-width: 100%; height: auto }
  table { border-collapse: collapse; margin: 1rem 0 }
  th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
  th:first-child, td:first-child { text-align: left }
  figure { margin: 1.5rem 0 }
</style>
<h1>$title</h1>
$body
</html>
""")


def page(title: str, parts: Iterable[str]) -> str:
    return PAGE.substitute(title=html.escape(title), body="\n".join(parts))


def heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def picture(name: str, description: str) -> str:
    return f'<figure><img src="{html.escape(name)}" alt="{html.escape(description)}"></figure>'


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"
