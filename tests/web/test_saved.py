"""Drawings are kept with their answers, opened again, deleted, and bounded; with or without the browser's storage."""

from __future__ import annotations

import pytest

from tests.support.browser import TOUCH, assert_reads, draw_with_finger, draw_with_mouse

pytestmark = pytest.mark.browser
FORBIDDEN = """
    for (const storage of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, storage, { get() { throw new DOMException("", "SecurityError"); } });
"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }"


def keep(page, digit):
    page.get_by_role("button", name="Clear").click(force=True)
    draw_with_mouse(page, digit)
    assert_reads(page, digit)
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name=f"Open drawing 1: {digit}").wait_for()


def digits(page):
    return page.locator("#saved .digit").all_inner_texts()


def test_kept_drawings_outlive_the_page_and_open_again(open_page):
    page = open_page()
    for digit in (3, 7, 1):
        keep(page, digit)
    assert digits(page) == ["1", "7", "3"]
    page.reload()
    assert digits(page) == ["1", "7", "3"]
    page.get_by_role("button", name="Open drawing 3: 3").click()
    assert_reads(page, 3)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Draw a digit from 0 to 9.").wait_for()
    page.get_by_role("button", name="Open drawing 3: 3").click()
    assert_reads(page, 3)


def test_a_picture_is_kept_and_opened_again(open_page, root):
    page = open_page()
    page.locator("#file").set_input_files(root / "model/mnist/samples/5.png")
    assert_reads(page, 5)
    page.get_by_role("button", name="Keep").click()
    page.reload()
    page.get_by_role("button", name="Open drawing 1: 5").click()
    assert_reads(page, 5)
    assert page.locator("#paper").evaluate("c => [c.width, c.height]") == [28, 28]


def test_two_tabs_keep_the_same(open_page):
    page = open_page()
    other = page.context.new_page()
    other.goto(page.url)
    keep(page, 7)
    other.get_by_role("button", name="Open drawing 1: 7").wait_for()
    other.get_by_role("button", name="Delete drawing 1: 7").click()
    page.locator("#saved .open").wait_for(state="detached")


def test_what_is_kept_at_once_is_kept_with_its_answer(open_page):
    page = open_page()
    draw_with_mouse(page, 2)
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Open drawing 1: 2").wait_for()


def test_drawings_are_deleted_with_the_keyboard_and_the_focus_stays_near(open_page):
    page = open_page()
    for digit in (3, 7, 1):
        keep(page, digit)
    page.get_by_role("button", name="Delete drawing 2: 7").focus()
    page.keyboard.press("Enter")
    assert digits(page) == ["1", "3"]
    focused = page.locator(":focus")
    assert focused.get_attribute("aria-label").startswith("Delete drawing 2: 3")
    assert page.get_by_role("status").inner_text() == "Deleted"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert digits(page) == []
    assert page.locator(":focus").get_attribute("id") == "keep"
    page.reload()
    assert digits(page) == []


def test_there_is_room_for_twelve(open_page):
    page = open_page()
    keep(page, 7)
    keep(page, 1)
    for _ in range(11):
        page.get_by_role("button", name="Keep").click()
    assert digits(page) == ["1"] * 12
    page.reload()
    assert digits(page) == ["1"] * 12


@pytest.mark.parametrize("script", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_without_storage_they_are_kept_until_the_page_is_closed(open_page, script):
    page = open_page(script=script)
    keep(page, 7)
    assert digits(page) == ["7"]
    assert "stores nothing" in page.locator("#saved-hint").inner_text()
    page.reload()
    assert digits(page) == []


@pytest.mark.parametrize("stored", ["{", "null", "7", '[null, {"strokes": 1}]', '[{"strokes": []}]'])
def test_what_is_stored_and_makes_no_sense_is_left_out(open_page, stored):
    page = open_page(script=f"localStorage.setItem('drawings', {stored!r})")
    assert digits(page) == []
    draw_with_mouse(page, 7)
    assert_reads(page, 7)


def test_on_a_phone_too(open_page):
    page = open_page(locale="ko-KR", **TOUCH)
    draw_with_finger(page, 6)
    assert_reads(page, 6)
    page.wait_for_timeout(500)  # Chromium takes a tap that follows a stroke faster than a person's for the stroke's end
    page.get_by_role("button", name="간직하기").tap()
    page.get_by_role("button", name="그림 1 열기: 6").wait_for()
    page.get_by_role("button", name="그림 1 삭제: 6").tap()
    assert digits(page) == []
