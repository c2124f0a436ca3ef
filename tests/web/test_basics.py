"""Accessibility and layout of the page: the answer and the paper on the first screen, axe, focus, contrast, size."""

from __future__ import annotations

import pytest

from tests.support.browser import DESKTOP, PHONE, TOUCH, assert_reads, draw_with_finger, draw_with_mouse, wait_until

pytestmark = pytest.mark.browser
LANGUAGES = {"en": "en-US", "ko": "ko-KR"}
REFUSALS = {
    "refused": (400, "no digit found in the image; send one digit that stands out from its background"),
    "several": (400, "the image holds 2 digits; send one digit"),
    "down": (503, "no server is ready; try again in a moment"),
    "locked": (401, "send your API key in the header X-Api-Key"),
}
STATES = ["empty", "read", "reading", "offline", *REFUSALS, "unreadable", "labelling", "labelled", "deleted", "api"]
LOGGED = ("ERR_INTERNET_DISCONNECTED", 401, 503, 404)
SCREENS = [(320, 568), (360, 640), (390, 664), (844, 390), (720, 450), (1024, 768), (2560, 1440)]
IS_INSIDE = """ids => ids.filter((id) => {
    const { top, left, bottom, right } = document.querySelector(id).getBoundingClientRect();
    return top < 0 || left < 0 || bottom > innerHeight || right > innerWidth;
})"""
FOCUS = """() => {
    const focused = document.activeElement;
    const style = getComputedStyle(focused.closest("#paper, .button") ?? focused);
    return [focused.id || focused.className || focused.tagName, style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth)];
}"""  # noqa: E501
CUT_OFF = """() => [...document.querySelectorAll("button, label, #answer, #answer *, #bars li, figcaption, p, caption")]
    .filter((e) => e.checkVisibility() && !e.closest(".unseen") && e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
    .filter((e) => getComputedStyle(e).display !== "inline" && !e.matches(".button, #language"))
    .map((e) => e.outerHTML)"""
OVERLAPS = """() => {
    const parts = ["header", "#answer", "#paper", "#tools", "#judge", "#bars", "#steps", "#contrast"];
    const all = parts.map((id) => [id, document.querySelector(id).getBoundingClientRect()]);
    const boxes = all.filter(([, box]) => box.height);
    const overlap = (a, b) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    return boxes.flatMap(([a, x], i) => boxes.slice(i + 1).filter(([, y]) => overlap(x, y)).map(([b]) => [a, b]));
}"""


def bring_to(page, state):
    """Put the page into one of its states."""
    if state == "offline":
        page.context.set_offline(True)
    if state == "reading":
        page.route("**/explanations/mnist", lambda _: None)
    if state in REFUSALS:
        status, error = REFUSALS[state]
        answer = {"status": status, "json": {"error": error}, "headers": {"Retry-After": "5"}}
        page.route("**/explanations/mnist", lambda route: route.fulfill(**answer))  # a gateway's, without Docker
    if state == "unreadable":
        page.locator("#file").set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})
        page.locator("#notice").wait_for()
    elif state != "empty":
        draw_with_mouse(page, 3)
        if state == "offline" or state in REFUSALS:
            wait_until(page, "problem")
        elif state == "reading":
            page.locator("#waiting").wait_for()
        else:
            assert_reads(page, 3)
    if state in ("labelling", "labelled", "deleted"):
        page.locator("#wrong").click()
    if state in ("labelled", "deleted"):
        page.locator("#labels button").nth(8).click()
    if state == "deleted":
        page.locator("#saved .delete").click()
    if state == "api":
        page.locator("#api summary").click()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark")])
def test_axe_finds_nothing(open_page, language, scheme, state):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(LOGGED, locale=LANGUAGES[language], color_scheme=scheme, reduced_motion="reduce")
    bring_to(page, state)
    assert page.locator("html").get_attribute("lang") == language
    page.wait_for_timeout(200)  # until the bars stand still
    results = axe.run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
    ).response
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in results["violations"]] == []
    assert {"button-name", "label", "color-contrast"} <= {rule["id"] for rule in results["passes"]}, (
        "all were looked at"
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen[0]}x{screen[1]}")
def test_the_first_screen_holds_the_answer_and_the_whole_paper(open_page, screen, language):
    page = open_page(viewport=dict(zip(("width", "height"), screen, strict=True)), locale=LANGUAGES[language])
    for state in ("empty", "read"):
        bring_to(page, state)
        assert page.evaluate("scrollY") == 0
        assert page.evaluate(IS_INSIDE, ["#answer", "#paper", "#tools"]) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= screen[0]
    assert page.evaluate(IS_INSIDE, ["#digit"]) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_cut_off_nor_scrolls_sideways(open_page, language, state):
    page = open_page(LOGGED, locale=LANGUAGES[language], viewport={"width": 320, "height": 600})
    bring_to(page, state)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("width", [320, 1024])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", ["empty", "read", "refused", "down", "locked", "labelling"])
def test_text_of_twice_the_size_overlaps_nothing(open_page, width, language, state):
    page = open_page(LOGGED, locale=LANGUAGES[language], viewport={"width": width, "height": 700})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    bring_to(page, state)
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF) == []


def test_forced_colours_keep_the_bars_the_scale_and_the_answer(open_page):
    page = open_page(forced_colors="active")
    bring_to(page, "read")
    colour = "e => getComputedStyle(e).backgroundColor"
    best, track = (page.locator(f"#bars .best .{part}").evaluate(colour) for part in ("fill", "track"))
    assert best != track
    assert page.locator("#legend .scale").evaluate("e => getComputedStyle(e).backgroundImage") != "none"
    strong = page.locator("#verdict strong")
    assert strong.evaluate("e => getComputedStyle(e).color") != strong.evaluate(colour)


def test_fingers_find_large_targets(open_page):
    page = open_page((404,), **TOUCH)
    draw_with_finger(page, 1)
    assert_reads(page, 1)
    page.locator("#wrong").click()
    page.locator("#labels button").nth(7).click()
    page.locator("#api summary").click()
    for target in page.locator("button:visible, label:visible, summary:visible").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 44 or target.get_attribute("for"), target.inner_text()


def test_every_control_is_reached_with_tab_and_shows_it(open_page):
    page = open_page()
    bring_to(page, "labelled")
    reached = []
    page.evaluate("document.activeElement.blur()")
    page.locator("h1").click()
    while True:
        page.keyboard.press("Tab")
        name, width = page.evaluate(FOCUS)
        if name == "BODY" or name in reached:
            break
        assert width >= 2, name
        reached.append(name)
    tools = ["undo", "redo", "clear", "file"]
    assert reached == ["language", "sheet", *tools, "wrong", "export", "open", "delete", "SUMMARY"]


def test_the_sheet_is_the_one_canvas_that_takes_the_focus(open_page):
    page = open_page()
    assert page.locator("canvas[tabindex]").evaluate_all("all => all.map((e) => e.id)") == ["sheet"]


def test_the_page_is_light_and_loads_its_modules_together(open_page):
    page, sizes = open_page(), []
    page.on("requestfinished", lambda r: sizes.append(r.sizes()["responseBodySize"]))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 8
    assert sum(sizes) < 100_000
    imported = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name.split('/').pop())")
    preloaded = page.locator("link[rel=modulepreload]").evaluate_all("all => all.map((e) => e.getAttribute('href'))")
    assert set(preloaded) == {name for name in imported if name.endswith(".js")} - {"page.js"}


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
        page.locator("#right").click()
    page.locator("#clear").click()
    page.locator("#examples [data-kind=paperPhoto]").click()
    assert_reads(page, 6)
    page.locator("#plain-answer", has_text="%").wait_for()
    for name, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(viewport)
        file = pictures / f"page-{name}-{language}-{scheme}.png"
        page.screenshot(path=file, full_page=viewport is PHONE)
        assert file.stat().st_size > 10_000
