"""The page reads drawings of every digit in many styles, five sizes and three speeds."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.browser import draw_strokes, status
from tests.support.polling import wait_for
from tests.web.styles import SIZES, SPEEDS, written

pytestmark = pytest.mark.browser


def test_drawings_are_read(open_page, pictures):
    right, drawn, wrong = Counter(), Counter(), []
    page = open_page()
    for each in written():
        page.locator("#clear").click(force=True)
        draw_strokes(page, each.strokes)
        wait_for(lambda: status(page) in ("answer", "problem"))
        shown = page.locator("#digit").text_content()
        for kind in (each.size, each.speed, "all"):
            drawn[kind] += 1
            right[kind] += shown == str(each.digit)
        if shown != str(each.digit):
            wrong.append((each.digit, each.style, each.size, each.speed, shown or "refused"))
    counts = [f"{kind}: {right[kind]} of {drawn[kind]}" for kind in (*SIZES, *SPEEDS, "all")]
    (pictures / "drawings.txt").write_text("\n".join([*counts, *map(str, wrong)]) + "\n", encoding="utf-8")
    assert drawn["all"] >= 300
    assert right["all"] >= 0.97 * drawn["all"], wrong
    assert right["tiny"] >= 0.95 * drawn["tiny"], wrong
