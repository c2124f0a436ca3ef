"""The table of faults says what was counted, and the document holds one."""

from __future__ import annotations

from tests.support.faults_table import COLUMNS, Row, table


def test_a_row_adds_up_what_was_counted():
    rows = [Row("z", "ends", {"right": 1200}), Row("a", "goes on", {"right": 7, "503": 2, "500": 1}, 1.25)]
    assert table(rows).splitlines()[2:] == [
        "| a | goes on | 10 | 7 | 1 × 500, 2 × 503 | 1.2 s |",
        "| z | ends | 1,200 | 1,200 | 0 | – |",
    ]


def test_the_document_holds_a_table_of_whole_rows(root):
    lines = (root / "docs/faults.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert rows[0] == list(COLUMNS)
    assert len(rows) > 20
    for fault, _, total, right, others, _ in rows[2:]:
        failed = sum(int(part.split(" × ")[0]) for part in others.split(", ") if " × " in part)
        assert int(total.replace(",", "")) == int(right.replace(",", "")) + failed, fault
