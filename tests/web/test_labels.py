"""People say what their digits are, and the page keeps, counts, deletes and exports them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.browser import TOUCH, assert_reads, draw_with_finger, draw_with_mouse, wait_until
from training import weights

pytestmark = pytest.mark.browser
FORBIDDEN = """
    for (const storage of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, storage, { get() { throw new DOMException("", "SecurityError"); } });
"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }"


def say_right(page, digit):
    """Draw a digit, and say that it was read right."""
    page.locator("#clear").click(force=True)
    draw_with_mouse(page, digit)
    assert_reads(page, digit)
    page.locator("#right").click()


def say_it_is(page, label):
    page.locator("#wrong").click()
    page.locator("#labels button").nth(label).click()


def digits(page):
    return page.locator("#saved .digit").all_inner_texts()


def test_labelled_digits_outlive_the_page_and_open_again(open_page):
    page = open_page()
    for digit in (3, 7, 1):
        say_right(page, digit)
    assert digits(page) == ["1", "7", "3"]
    page.reload()
    assert digits(page) == ["1", "7", "3"]
    page.locator("#saved .open").nth(2).click()
    assert_reads(page, 3)
    page.locator("#undo").click()
    assert_reads(page, 1)


def test_the_accuracy_and_the_confusion_are_the_persons_own(open_page):
    page = open_page()
    say_right(page, 7)
    page.locator("#clear").click()
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    say_it_is(page, 9)
    assert digits(page) == ["9 → 4", "7"]
    assert "50.0%" in page.locator("#score").inner_text()
    rows = page.locator("#confusion tr").all()
    assert [row.locator("th, td").all_inner_texts() for row in rows] == [["", "4", "7"], ["7", "", "1"], ["9", "1", ""]]


def test_a_label_is_given_once_for_a_drawing_and_may_be_changed(open_page):
    page = open_page()
    say_right(page, 4)
    assert not page.locator("#right").is_visible()
    say_it_is(page, 9)
    assert digits(page) == ["9 → 4"]


def test_a_picture_that_is_refused_can_be_labelled(open_page):
    page = open_page()
    page.locator("#sheet").click(position={"x": 100, "y": 100})
    refusal = {"status": 400, "json": {"error": "no digit found in the image"}}
    page.route("**/explanations/mnist", lambda route: route.fulfill(**refusal))
    draw_with_mouse(page, 2)
    wait_until(page, "problem")
    say_it_is(page, 2)
    assert digits(page) == ["2 → ?"]


def test_a_picture_is_kept_to_the_bit_and_opened_again(open_page, root):
    page = open_page()
    page.locator("#file").set_input_files(root / "model/mnist/samples/5.png")
    assert_reads(page, 5)
    page.locator("#right").click()
    page.locator("#clear").click()
    page.locator("#saved .open").click()
    assert_reads(page, 5)
    assert page.locator("#sheet").evaluate("c => [c.width, c.height]") == [28, 28]


def test_the_exported_file_is_evaluated_by_the_nets_code(open_page, root, tmp_path):
    page = open_page()
    for digit in (3, 7):
        say_right(page, digit)
    page.locator("#clear").click()
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    say_it_is(page, 9)
    with page.expect_download() as download:
        page.locator("#export").click()
    file = tmp_path / "my-digits.npz"
    download.value.save_as(file)
    with np.load(file) as archive:
        exported = dict(archive)
    assert exported["inputs"].shape == (3, 28, 28)
    assert exported["labels"].tolist() == [9, 7, 3]
    assert exported["answers"].tolist() == [4, 7, 3]
    net = weights.load_net("mnist", root / "weights/mnist.pt").eval()
    pixels = torch.from_numpy(exported["inputs"]).flatten(1) / 255
    assert net(pixels).argmax(1).tolist() == exported["answers"].tolist()


def test_two_tabs_show_the_same(open_page):
    page = open_page()
    other = page.context.new_page()
    other.goto(page.url)
    say_right(page, 7)
    other.locator("#saved .delete").click()
    page.locator("#saved .open").wait_for(state="detached")


def test_digits_are_deleted_and_brought_back_with_the_keyboard(open_page):
    page = open_page()
    for digit in (3, 7, 1):
        say_right(page, digit)
    page.locator("#saved .delete").nth(1).focus()
    page.keyboard.press("Enter")
    assert digits(page) == ["1", "3"]
    assert page.evaluate("document.activeElement.id") == "undelete"
    page.keyboard.press("Enter")
    assert digits(page) == ["1", "7", "3"]
    assert page.locator("#saved .delete").nth(1).evaluate("e => e === document.activeElement")


@pytest.mark.parametrize("script", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_without_storage_they_are_kept_until_the_page_is_closed(open_page, script):
    page = open_page(script=script)
    stays = page.locator("#saved-hint").text_content()
    say_right(page, 7)
    assert digits(page) == ["7"]
    assert page.locator("#saved-hint").text_content() != stays
    page.reload()
    assert digits(page) == []


@pytest.mark.parametrize("stored", ["{", "null", "7", '[null, {"strokes": 1}]', '[{"strokes": []}]'])
def test_what_is_stored_and_makes_no_sense_is_left_out(open_page, stored):
    script = f"localStorage.setItem('drawings', {stored!r}); sessionStorage.setItem('paper', {stored!r})"
    page = open_page(script=script)
    assert digits(page) == []
    draw_with_mouse(page, 7)
    assert_reads(page, 7)


def test_on_a_phone_too(open_page):
    page = open_page(locale="ko-KR", **TOUCH)
    draw_with_finger(page, 6)
    assert_reads(page, 6)
    page.wait_for_timeout(500)  # Chromium takes a tap that follows a stroke faster than a person's for the stroke's end
    page.locator("#right").tap()
    assert digits(page) == ["6"]
    page.locator("#saved .delete").tap()
    assert digits(page) == []
