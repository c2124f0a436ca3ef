"""Drive the page in a real Chromium: draw with a mouse or a finger, and check the prediction that it shows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import wait_for
from tests.web.strokes import STROKES

CHROMIUM = shutil.which("chromium")
DESKTOP, PHONE = {"width": 1100, "height": 800}, {"width": 375, "height": 812}
TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start the browser once."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is here")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, page_url: str) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page at the test's `page_url`.

    The fixture fails if the page logged an error or asked another server. Chromium logs responses of 400 and above as
    errors: `expected` names the statuses and texts that the test allows. Half a digit may be none, so 400 is allowed.
    """
    contexts, errors = [], []

    def open_context(expected: tuple[int | str, ...] = (), at: str = page_url, script: str = "", **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": DESKTOP, "locale": "en-US", **options})
        contexts.append(context)
        context.add_init_script(script)
        page = context.new_page()
        # A Docker network that comes or goes on this machine ends Chromium's requests; the page asks again.
        tolerated = (400, "ERR_NETWORK_CHANGED", *expected)
        allowed = [f"status of {status}" if isinstance(status, int) else status for status in tolerated]
        page.on("console", lambda m: None if any(text in m.text for text in allowed) else errors.append(m.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((at, "blob:", "data:")) else errors.append(r.url))
        page.goto(at)
        if page.locator("#bars li").count() != 10:  # one of its modules was not loaded
            page.reload()
        return page

    yield open_context
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="session")
def pictures(root: Path) -> Path:
    """Return the folder where pictures of the page are kept for people to look at."""
    folder = root / "test-results"
    folder.mkdir(exist_ok=True)
    return folder


def paper_coordinates(page: Any) -> Callable[[tuple[float, float]], tuple[float, float]]:
    """Return a function from a point of a stroke to a point of the screen."""
    page.locator("#sheet").scroll_into_view_if_needed()
    box = page.locator("#sheet").bounding_box()
    return lambda point: (box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"])


def draw_with_mouse(page: Any, digit: int) -> None:
    draw_strokes(page, STROKES[digit], steps=4)


def draw_strokes(page: Any, strokes: list[list[tuple[float, float]]], steps: int = 1) -> None:
    """Draw with the mouse, each line in so many steps."""
    place = paper_coordinates(page)
    for first, *rest in strokes:
        page.mouse.move(*place(first))
        page.mouse.down()
        for point in rest:
            page.mouse.move(*place(point), steps=steps)
        page.mouse.up()


def draw_with_finger(page: Any, digit: int) -> None:
    place, finger = paper_coordinates(page), page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touched = [dict(zip("xy", place(point), strict=True)) for point in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    for first, *rest in STROKES[digit]:
        touch("touchStart", first)
        for point in rest:
            touch("touchMove", point)
        touch("touchEnd")


READING = """() => [
  document.querySelector("#digit").textContent,
  [...document.querySelectorAll("#bars .share")].map((share) => share.innerText),
]"""


def assert_reads(page: Any, digit: int) -> None:
    """Wait until the page answers, and check that the answer and its bars, seen in one moment, both say the digit."""
    answer, texts = "", []

    def is_answered() -> bool:
        nonlocal answer, texts
        answer, texts = page.evaluate(READING)
        return answer != ""

    wait_for(is_answered, timeout_s=20)
    shares = [float(text.strip("<>%")) for text in texts]
    assert answer == str(digit)
    assert abs(sum(shares) - 100) <= 1
    assert shares.index(max(shares)) == digit


def status(page: Any) -> str:
    """Return what the page shows: empty, reading, draft, answer or problem."""
    return str(page.evaluate("document.querySelector('#answer').dataset.status"))


def wait_until(page: Any, expected: str) -> None:
    """Wait until the page shows this."""
    wait_for(lambda: status(page) == expected, timeout_s=20)
