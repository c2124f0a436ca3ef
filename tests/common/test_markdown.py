"""Markdown tables, and the marked part of a document."""

from __future__ import annotations

import pytest

from common.markdown import markdown_table, splice


def test_a_table_aligns_the_columns_of_numbers_to_the_right() -> None:
    assert markdown_table(["net", "test"], [("plain", "99.1"), ("deep", "99.6")], right={1}) == (
        "| net | test |\n| --- | ---: |\n| plain | 99.1 |\n| deep | 99.6 |\n"
    )


def test_a_table_without_rows_keeps_its_head() -> None:
    assert markdown_table(["net"], []) == "| net |\n| --- |\n"


def test_splice_changes_only_the_marked_part() -> None:
    text = "before\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\nkept\n<!-- /b -->\nafter\n"
    assert splice(text, "a", "new\n") == text.replace("old", "new")


@pytest.mark.parametrize(
    "text", ["nothing", "<!-- a -->\n", "<!-- /a -->", "<!-- a -->\n<!-- /a --><!-- a -->\n<!-- /a -->"]
)
def test_splice_raises_value_error_unless_the_part_is_there_once(text: str) -> None:
    with pytest.raises(ValueError, match="no single"):
        splice(text, "a", "new\n")
