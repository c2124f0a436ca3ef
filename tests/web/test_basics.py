"""Accessibility and layout of the page: labels, contrast, focus, no horizontal scrolling, small downloads."""

from __future__ import annotations

import pytest

from tests.support.browser import DESKTOP, PHONE, TOUCH, assert_reads, draw_with_finger, draw_with_mouse

pytestmark = pytest.mark.browser
LANGUAGES = {"en": "en-US", "ko": "ko-KR"}
STATES = ["empty", "read", "problem", "locked", "kept"]

FOCUS = """() => {
    const focused = document.activeElement;
    const style = getComputedStyle(focused.closest("#sheet, .button") ?? focused);
    return [focused.id || focused.className, style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth)];
}"""


def bring_to(page, state):
    """Put the page into one of its states."""
    if state in ("read", "kept"):
        draw_with_mouse(page, 3)
        assert_reads(page, 3)
    if state == "kept":
        page.locator("#keep").click()
        page.locator("#saved .open").wait_for()
    if state == "problem":
        page.context.set_offline(True)
        draw_with_mouse(page, 3)
        page.locator("#again").wait_for()
    if state == "locked":
        answer = {"status": 401, "json": {"error": "send your API key in the header X-Api-Key"}}
        page.route("**/explanations/mnist", lambda route: route.fulfill(**answer))  # a gateway's, without Docker
        draw_with_mouse(page, 3)
        page.locator("#key").wait_for()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing(open_page, language, scheme, state):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    expected = ("ERR_INTERNET_DISCONNECTED", 401)
    page = open_page(expected, locale=LANGUAGES[language], color_scheme=scheme, reduced_motion="reduce")
    bring_to(page, state)
    assert page.locator("html").get_attribute("lang") == language
    results = axe.run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
    ).response
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in results["violations"]] == []
    assert {"button-name", "label", "color-contrast"} <= {rule["id"] for rule in results["passes"]}, (
        "all were looked at"
    )


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP, {"width": 320, "height": 600}], ids=lambda v: str(v["width"]))
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_cut_off_nor_scrolls_sideways(open_page, viewport, language, state):
    page = open_page(("ERR_INTERNET_DISCONNECTED", 401), locale=LANGUAGES[language], viewport=viewport)
    bring_to(page, state)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    cut = "all => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML)"
    assert page.locator("button, label, #answer, #answer *, #bars li, figcaption").evaluate_all(cut) == []


def test_fingers_find_large_targets(open_page):
    page = open_page(**TOUCH)
    draw_with_finger(page, 1)
    assert_reads(page, 1)
    page.locator("#keep").click()
    page.locator("#saved .open").wait_for()
    for target in page.locator("button:visible, label.button:visible").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 44, target.inner_text()


def test_every_control_is_reached_with_tab_and_shows_it(open_page):
    page = open_page()
    bring_to(page, "kept")
    reached = []
    page.locator("h1").click()
    while True:
        page.keyboard.press("Tab")
        name, width = page.evaluate(FOCUS)
        if not name or name in reached:
            break
        assert width >= 2, name
        reached.append(name)
    assert reached == ["language", "paper", "undo", "clear", "keep", "file", "open", "delete"]


def test_the_page_is_light(open_page):
    page, sizes = open_page(), []
    page.on("requestfinished", lambda r: sizes.append(r.sizes()["responseBodySize"]))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 8
    assert sum(sizes) < 100_000


def test_reduced_motion_is_respected(open_page):
    page = open_page(reduced_motion="reduce")
    duration = "e => getComputedStyle(e).transitionProperty"
    assert page.locator("#bars .fill").first.evaluate(duration) == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_for_people(open_page, pictures, language, scheme):
    page = open_page((), locale=LANGUAGES[language], color_scheme=scheme)
    for digit in (8, 5, 3):
        page.locator("#clear").click(force=True)
        draw_with_mouse(page, digit)
        assert_reads(page, digit)
        page.locator("#keep").click()
        page.locator(f"#saved li:first-child:has-text('{digit}')").wait_for()
    for name, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(viewport)
        file = pictures / f"page-{name}-{language}-{scheme}.png"
        page.screenshot(path=file, full_page=True)
        assert file.stat().st_size > 10_000
