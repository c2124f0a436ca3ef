"""Write the report as one HTML page that loads nothing but the pictures beside it."""

from __future__ import annotations

import html
import struct
from collections.abc import Iterable
from string import Template

PIXELS_PER_PX = 150 / 96  # the pictures have 150 dots per inch, CSS has 96 px
PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
  :root { color-scheme: light dark; --text: #222; --back: #fff; --line: #ccc; --link: #0060a0 }
  @media (prefers-color-scheme: dark) { :root { --text: #e4e4e4; --back: #161616; --line: #444; --link: #7cc4ff } }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem;
    color: var(--text); background: var(--back) }
  a { color: var(--link) }
  .scroll { overflow-x: auto; margin: 1rem 0 }
  figure { margin: 1.5rem 0 }
  figcaption { margin-bottom: .5rem }
  img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: .3rem }
  @media (max-width: 42rem) { .scroll img { max-width: none } }
  table { border-collapse: collapse }
  th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
  th:first-child, td:first-child { text-align: left }
</style>
<h1>$title</h1>
$body
</html>
""")


def page(title: str, parts: Iterable[str]) -> str:
    return PAGE.substitute(title=html.escape(title), body="\n".join(parts))


def heading(text: str, name: str) -> str:
    """Return a heading with the id `name`."""
    return f'<h2 id="{html.escape(name)}">{html.escape(text)}</h2>'


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def bullets(items: Iterable[tuple[str, str]]) -> str:
    """Return a list of links, each a text and the id of a heading."""
    lines = (f'<li><a href="#{html.escape(name)}">{html.escape(text)}</a></li>' for text, name in items)
    return "<ul>\n" + "\n".join(lines) + "\n</ul>"


def picture(name: str, png: bytes, finding: str, description: str) -> str:
    """Return a figure of the PNG file `name` with its size, its finding as caption, and a description for `alt`."""
    width, height = (round(pixels / PIXELS_PER_PX) for pixels in struct.unpack(">II", png[16:24]))
    image = f'<img src="{html.escape(name)}" width="{width}" height="{height}" alt="{html.escape(description)}">'
    caption = f"<figcaption><strong>{html.escape(finding)}.</strong></figcaption>"
    return f"<figure>{caption}{_scroll(image, finding)}</figure>"


def table(caption: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return _scroll(f"<table>\n<tr>{head}</tr>\n{body}\n</table>", caption)


def _scroll(content: str, label: str) -> str:
    """Let wide content scroll on narrow screens, by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(label)}">{content}</div>'
