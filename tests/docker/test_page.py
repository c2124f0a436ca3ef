"""A person draws the ten digits on the page, in a real Chromium, and reads the right answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docker.strokes import STROKES

pytestmark = [pytest.mark.docker, pytest.mark.browser]
CHROMIUM = shutil.which("chromium")
DESKTOP, PHONE = {"width": 1100, "height": 800}, {"width": 375, "height": 812}


@pytest.fixture(scope="module")
def chromium():
    """Start the browser once."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is here")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, service):
    """Return a function that opens the page; at the end nothing may have been complained of, or asked elsewhere."""
    contexts, complaints = [], []

    def opened(**options):
        context = chromium.new_context(**{"viewport": DESKTOP, "locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        # Half a digit may be none, which the server answers with 400 and Chromium counts as an error.
        page.on("console", lambda m: None if "status of 400" in m.text else complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((service.url, "blob:")) else complaints.append(r.url))
        page.goto(service.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def on_paper(page):
    """Return a function from a point of a stroke to a point of the screen."""
    box = page.locator("#paper").bounding_box()
    return lambda point: (box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"])


def draw_with_mouse(page, digit):
    place = on_paper(page)
    for first, *rest in STROKES[digit]:
        page.mouse.move(*place(first))
        page.mouse.down()
        for point in rest:
            page.mouse.move(*place(point), steps=4)
        page.mouse.up()


def draw_with_finger(page, digit):
    place, finger = on_paper(page), page.context.new_cdp_session(page)

    def touch(kind, *points):
        touched = [dict(zip("xy", place(point), strict=True)) for point in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    for first, *rest in STROKES[digit]:
        touch("touchStart", first)
        for point in rest:
            touch("touchMove", point)
        touch("touchEnd")


def assert_reads(page, digit):
    page.locator("#answer strong", has_text=str(digit)).wait_for(timeout=5000)
    shares = [float(text.split()[0]) for text in page.locator("#bars .share").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert shares.index(max(shares)) == digit


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_a_digit_drawn_with_the_mouse_is_read(open_page, language, digit):
    page = open_page(locale=language)
    assert page.locator("html").get_attribute("lang") == language[:2]
    draw_with_mouse(page, digit)
    assert_reads(page, digit)


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_drawn_with_a_finger_on_a_phone_is_read(open_page, digit):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    draw_with_finger(page, digit)
    assert_reads(page, digit)


def test_a_digit_is_drawn_with_the_keyboard_alone(open_page):
    page = open_page()
    page.locator("#paper").focus()
    for keys in ([*["ArrowUp"] * 12, "Space", *["ArrowDown"] * 24, "Space"],):
        for key in keys:
            page.keyboard.press(key)
    assert_reads(page, 1)
    page.keyboard.press("Delete")
    page.get_by_text("Draw a digit from 0 to 9.").wait_for()


def test_a_file_is_read(open_page, root):
    page = open_page()
    page.locator("#file").set_input_files(root / "samples/5.png")
    assert_reads(page, 5)


def test_undo_takes_back_one_stroke(open_page):
    page = open_page()
    draw_with_mouse(page, 1)
    assert_reads(page, 1)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Draw a digit from 0 to 9.").wait_for()


def test_the_language_is_changed_with_the_answer_standing(open_page):
    page = open_page()
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    page.get_by_role("button", name="한국어").click()
    page.get_by_text("확신").wait_for()
    assert page.title() == "숫자를 그려 보세요"


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP, {"width": 320, "height": 600}])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off(open_page, viewport, scheme, tmp_path_factory):
    page = open_page(viewport=viewport, color_scheme=scheme)
    draw_with_mouse(page, 3)
    assert_reads(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    picture = tmp_path_factory.getbasetemp() / f"page-{viewport['width']}-{scheme}.png"
    page.screenshot(path=picture, full_page=True)
    assert Path(picture).stat().st_size > 10_000
