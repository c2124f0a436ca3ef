"""The page reads each of the ten digits, drawn with the mouse, a finger, a pen or the keyboard in a real Chromium."""

from __future__ import annotations

import pytest

from tests.support.browser import (
    TOUCH,
    assert_reads,
    draw_strokes,
    draw_with_finger,
    draw_with_mouse,
    paper_coordinates,
    status,
    wait_until,
)
from tests.support.polling import wait_for
from tests.web.strokes import STROKES

pytestmark = pytest.mark.browser
INK = """() => {
    const sheet = document.querySelector("#sheet");
    const { data } = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
    return data.filter((value, i) => i % 4 === 3 && value > 127).length;
}"""
READS_INK = "Canvas2D"  # Chromium's advice to those who read pixels again and again, which only these tests do
RECORD = """
    window.told = [];  // each digit and each sentence that is ever on the screen or spoken
    new MutationObserver(() => {
        for (const id of ["digit", "draft", "spoken"]) {
            const text = document.getElementById(id)?.textContent;
            if (text) window.told.push(text);
        }
    }).observe(document, { childList: true, subtree: true, characterData: true });
"""


def ink(page):
    """Return how many pixels of the paper are inked."""
    return page.evaluate(INK)


def spoken(page):
    return page.get_by_role("status").inner_text()


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_drawn_with_the_mouse_is_read(open_page, digit):
    page = open_page()
    draw_with_mouse(page, digit)
    assert_reads(page, digit)


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_drawn_with_a_finger_on_a_phone_is_read(open_page, digit):
    page = open_page(locale="ko-KR", **TOUCH)
    assert page.locator("html").get_attribute("lang") == "ko"
    draw_with_finger(page, digit)
    assert_reads(page, digit)


def test_a_draft_is_shown_while_the_line_is_drawn_and_is_not_the_answer(open_page):
    page = open_page()
    place = paper_coordinates(page)
    page.mouse.move(*place((0.5, 0.2)))
    page.mouse.down()
    page.mouse.move(*place((0.5, 0.8)), steps=10)
    page.locator("#draft", has_text="1").wait_for()
    assert page.locator("#digit").text_content() == ""
    assert spoken(page) == ""
    page.mouse.up()
    assert_reads(page, 1)
    assert page.locator("#draft").text_content() == ""
    wait_for(lambda: spoken(page).startswith("1"))


def test_a_digit_is_one_prediction_and_its_drafts_are_none(open_page):
    page, drafts = open_page(), []

    def note(request):
        if request.method == "POST" and "explanations" in request.url:
            drafts.append(request.headers.get("x-health-check") == "true")

    page.on("request", note)
    draw_strokes(page, STROKES[3], steps=12)
    assert_reads(page, 3)
    page.wait_for_load_state("networkidle")
    assert drafts[-1] is False
    assert drafts.count(False) == 1
    assert drafts.count(True) >= 1


def test_a_second_late_nothing_is_shown_or_spoken_of_a_drawing_that_is_gone(open_page, slow_page_url):
    page = open_page(at=slow_page_url, script=RECORD)
    draw_with_mouse(page, 3)
    assert_reads(page, 3)
    wait_for(lambda: spoken(page).startswith("3"))
    draw_strokes(page, [[(0.2, 0.9), (0.25, 0.92)]])  # a question that is under way
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Clear").click()
    page.evaluate("window.told = []")
    draw_with_mouse(page, 1)
    wait_until(page, "reading")
    page.locator("#waiting").wait_for()
    assert_reads(page, 1)
    page.wait_for_timeout(1500)
    told = page.evaluate("window.told")
    assert "1" in told
    assert [text for text in told if text.startswith("3")] == []


def test_undo_takes_the_answer_away_at_once(open_page, slow_page_url):
    page = open_page(at=slow_page_url)
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    page.get_by_role("button", name="Undo").click()
    assert page.locator("#digit").text_content() == ""
    assert set(page.locator("#bars .share").all_inner_texts()) == {"–"}


def test_a_long_wait_is_said(open_page):
    page = open_page()
    page.route("**/explanations/mnist", lambda _: None)  # never answered
    draw_with_mouse(page, 7)
    page.locator("#waiting").wait_for()
    first = page.locator("#waiting").inner_text()
    wait_for(lambda: page.locator("#waiting").inner_text() != first, timeout_s=8)
    assert page.locator("#answer").get_attribute("aria-busy") == "true"


def test_a_tap_is_a_dot(open_page):
    page = open_page((READS_INK,))
    page.locator("#sheet").click(position={"x": 100, "y": 100})
    assert ink(page) > 200


@pytest.mark.parametrize("digit", [0, 2, 4, 8])
def test_a_tiny_digit_is_read(open_page, digit):
    page = open_page()
    draw_strokes(page, [[(0.75 + 0.16 * x, 0.75 + 0.16 * y) for x, y in stroke] for stroke in STROKES[digit]])
    assert_reads(page, digit)


def test_a_digit_is_drawn_and_corrected_with_the_keyboard_alone(open_page):
    page = open_page()
    while page.evaluate("document.activeElement.id") != "sheet":
        page.keyboard.press("Tab")
    for key in [*["ArrowUp"] * 12, "Space", *["Shift+ArrowDown"] * 8]:
        page.keyboard.press(key)
    assert_reads(page, 1)
    wait_for(lambda: spoken(page).startswith("1"))
    page.keyboard.press("Space")
    while page.evaluate("document.activeElement.id") != "wrong":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for _ in range(7):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#saved .digit").inner_text() == "7 → 1"
    page.keyboard.press("Control+z")
    wait_until(page, "empty")
    page.keyboard.press("Control+Shift+z")
    assert_reads(page, 1)


def test_the_keyboards_pen_draws_slopes_says_where_it_is_and_lays_samples(open_page):
    page = open_page((READS_INK,))
    page.locator("#sheet").focus()
    for key in ["Space", *["e"] * 5, *["PageDown"] * 5, "Space"]:
        page.keyboard.press(key)
    assert ink(page) > 500
    wait_for(lambda: status(page) in ("answer", "problem"))
    for _ in range(8):
        page.keyboard.press("Shift+Home")
    wait_for(lambda: spoken(page) == "top left")
    page.keyboard.press("Delete")
    page.keyboard.press("5")
    assert_reads(page, 5)


def test_undo_and_redo_reach_over_everything(open_page, root):
    page = open_page((READS_INK,))
    undo, redo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Redo", "Clear"))
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    both = ink(page)
    clear.click()
    wait_until(page, "empty")
    page.locator("#file").set_input_files(root / "model/mnist/samples/5.png")
    assert_reads(page, 5)
    undo.click()
    wait_until(page, "empty")
    undo.click()
    assert_reads(page, 4)
    assert ink(page) == both
    undo.click()
    assert 0 < ink(page) < both
    undo.click()
    wait_until(page, "empty")
    assert undo.get_attribute("aria-disabled") == "true"
    for _ in range(4):
        redo.click()
    assert_reads(page, 5)
    assert redo.get_attribute("aria-disabled") == "true"


def test_the_drawing_outlives_a_reload(open_page):
    page = open_page()
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    page.reload()
    assert_reads(page, 7)


def test_a_palm_and_a_second_finger_draw_nothing(open_page):
    page = open_page((READS_INK,), **TOUCH)
    touchscreen, place = page.context.new_cdp_session(page), paper_coordinates(page)

    def touch(kind, *points, radius=5):
        touched = [
            {**dict(zip("xy", place(point), strict=True)), "radiusX": radius, "radiusY": radius, "id": i}
            for i, point in enumerate(points)
        ]
        touchscreen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    touch("touchStart", (0.5, 0.5), radius=40)
    touch("touchMove", (0.7, 0.7), radius=40)
    touch("touchEnd")
    assert ink(page) == 0
    touch("touchStart", (0.5, 0.2))
    touch("touchMove", (0.5, 0.3))
    touch("touchMove", (0.5, 0.5))
    one = ink(page)
    assert one > 0
    touch("touchEnd")
    page.get_by_role("button", name="Clear").dispatch_event("click")
    for x, y in ((0.5, 0.2), (0.5, 0.8)):
        pen = {"x": place((x, y))[0], "y": place((x, y))[1], "button": "left", "pointerType": "pen", "buttons": 1}
        touchscreen.send("Input.dispatchMouseEvent", {"type": "mousePressed" if y == 0.2 else "mouseMoved", **pen})
    drawn = ink(page)
    assert drawn > 0
    touch("touchStart", (0.2, 0.2))
    touch("touchMove", (0.2, 0.6))
    touch("touchEnd")
    assert ink(page) == drawn


def test_the_language_is_changed_with_the_answer_standing_and_remembered(open_page):
    page = open_page()
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    english = page.locator("#verdict .certainty").inner_text()
    page.locator("#language").click()
    assert page.locator("#verdict .certainty").inner_text() != english
    assert_reads(page, 7)
    page.reload()
    assert page.locator("html").get_attribute("lang") == "ko"


@pytest.mark.parametrize(
    ("probabilities", "expected"), [([0.02] * 9 + [0.82], "likely"), ([0.06] * 9 + [0.46], "unsure")]
)
def test_doubt_is_shown_in_words_size_and_colour(open_page, probabilities, expected):
    looks = "e => { const s = getComputedStyle(e); return [s.fontSize, s.backgroundColor, s.color]; }"
    page = open_page()
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    sure = [page.locator("#verdict strong").evaluate(looks), page.locator("#verdict .certainty").inner_text()]

    def doubt(route):
        answer = route.fetch()
        patched = {**answer.json(), "digit": 9, "confidence": probabilities[9], "probabilities": probabilities}
        route.fulfill(response=answer, json=patched)

    page.route("**/explanations/mnist", doubt)
    page.get_by_role("button", name="Clear").click()
    draw_with_mouse(page, 7)
    wait_until(page, "answer")
    assert page.locator("#verdict").get_attribute("data-certainty") == expected
    doubtful = page.locator("#verdict strong").evaluate(looks)
    assert all(before != after for before, after in zip(sure[0], doubtful, strict=True))
    assert page.locator("#verdict .certainty").inner_text() != sure[1]


def test_examples_are_read(open_page):
    page = open_page()
    page.locator("#examples button").nth(7).wait_for()
    for i in range(page.locator("#examples button").count()):
        example = page.locator("#examples button").nth(i)
        digit = int(example.get_attribute("data-digit"))
        example.click()
        assert_reads(page, digit)
        page.get_by_role("button", name="Clear").click()
        assert status(page) == "empty"
