"""The page predicts each of the ten digits, drawn with the mouse, a finger or the keyboard in a real Chromium."""

from __future__ import annotations

import pytest

from tests.support.browser import TOUCH, assert_reads, draw_with_finger, draw_with_mouse, paper_coordinates

pytestmark = pytest.mark.browser
HINT = "Draw a digit from 0 to 9."


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_a_digit_drawn_with_the_mouse_is_read(open_page, language, digit):
    page = open_page(locale=language)
    assert page.locator("html").get_attribute("lang") == language[:2]
    draw_with_mouse(page, digit)
    assert_reads(page, digit)


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_a_digit_drawn_with_a_finger_on_a_phone_is_read(open_page, language, digit):
    page = open_page(locale=language, **TOUCH)
    draw_with_finger(page, digit)
    assert_reads(page, digit)


def test_it_is_read_while_it_is_drawn(open_page):
    page = open_page()
    place = paper_coordinates(page)
    page.mouse.move(*place((0.5, 0.2)))
    page.mouse.down()
    page.mouse.move(*place((0.5, 0.8)), steps=10)
    assert_reads(page, 1)
    page.mouse.up()


def test_a_digit_is_drawn_with_the_keyboard_alone(open_page):
    page = open_page()
    page.locator("#paper").focus()
    for key in [*["ArrowUp"] * 12, "Space", *["ArrowDown"] * 24]:
        page.keyboard.press(key)
    page.get_by_role("status").get_by_text("sure").wait_for()
    assert_reads(page, 1)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Space")
    page.get_by_role("status").get_by_text("Pen up").wait_for()
    page.keyboard.press("Control+z")
    page.get_by_text(HINT).wait_for()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Delete")
    page.get_by_text(HINT).wait_for()


def test_undo_takes_back_one_stroke_and_clear_all(open_page):
    page = open_page()
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text(HINT).wait_for()
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text(HINT).wait_for()
    assert set(page.locator("#bars .share").all_inner_texts()) == {"–"}


def test_an_answer_that_comes_after_the_paper_was_cleared_is_not_shown(open_page):
    page = open_page()
    draw_with_mouse(page, 1)
    with page.expect_request("**/explanations/mnist"):
        draw_with_mouse(page, 7)
    page.get_by_role("button", name="Clear").click()
    page.wait_for_load_state("networkidle")
    assert page.get_by_text(HINT).is_visible()


def test_the_latest_answer_is_to_what_is_on_the_paper(open_page):
    page = open_page()
    for digit in (0, 1, 7):
        page.get_by_role("button", name="Clear").click(force=True)
        draw_with_mouse(page, digit)
    assert_reads(page, 7)


def test_the_language_is_changed_with_the_answer_standing_and_remembered(open_page):
    page = open_page()
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    page.get_by_role("button", name="한국어").click()
    page.get_by_text("확신").first.wait_for()
    assert page.title() == "숫자를 그려 보세요"
    page.reload()
    assert page.locator("html").get_attribute("lang") == "ko"


def test_a_screen_reader_is_told_the_answer(open_page):
    page = open_page()
    draw_with_mouse(page, 3)
    page.get_by_role("status").filter(has_text="3, ").wait_for()
    assert "% sure" in page.get_by_role("status").inner_text()
