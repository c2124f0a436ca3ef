"""Write Markdown tables, and exchange a marked part of a document."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Container[int] = ()) -> str:
    """Return a table with a line for each row; the columns whose index is in `right` are aligned to the right."""
    rule = ["---:" if i in right else "---" for i in range(len(columns))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)) + "\n"


def splice(text: str, name: str, content: str) -> str:
    """Replace what stands between <!-- name --> and <!-- /name -->. Raises ValueError unless both are there once."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the document has no single {begin.strip()} … {end}")
    before, _, rest = text.partition(begin)
    return before + begin + content + end + rest.partition(end)[2]
