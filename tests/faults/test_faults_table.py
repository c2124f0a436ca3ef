"""The table of faults adds up the outcomes, and the documents hold a complete one."""

from __future__ import annotations

import pytest

from tests.support.faults_table import COLUMNS, DOCUMENTS, Row, faults_table, update_documents


def test_a_row_adds_up_the_outcomes():
    rows = [Row("z", "ends", {"right": 1200}), Row("a", "goes on", {"right": 7, "503": 2, "500": 1}, 1.25)]
    assert faults_table(rows).splitlines()[2:] == [
        "| a | goes on | 10 | 7 | 1 × 500, 2 × 503 | 1.2 s |",
        "| z | ends | 1,200 | 1,200 | 0 | – |",
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_the_document_holds_a_table_whose_rows_add_up(document):
    _, _, marked = document.read_text().partition("<!-- faults -->\n")
    lines = marked.partition("<!-- /faults -->")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert rows[0] == list(COLUMNS)
    assert len(rows) > 20
    for fault, _, total, correct, failed, _ in rows[2:]:
        count = sum(int(part.split(" × ")[0]) for part in failed.split(", ") if " × " in part)
        assert int(total.replace(",", "")) == int(correct.replace(",", "")) + count, fault


def test_updating_replaces_the_table_between_the_markers(tmp_path):
    result, document = tmp_path / "result.md", tmp_path / "document.md"
    result.write_text(faults_table([Row("a", "ends", {"right": 1})]))
    document.write_text("Before\n<!-- faults -->\nold\n<!-- /faults -->\nAfter\n")
    update_documents(result, [document])
    assert document.read_text() == f"Before\n<!-- faults -->\n{result.read_text()}<!-- /faults -->\nAfter\n"
