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
        allowed = [f"status of {status}" if isinstance(status, int) else status for status in (400, *expected)]
        page.on("console", lambda m: None if any(text in m.text for text in allowed) else errors.append(m.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((at, "blob:", "data:")) else errors.append(r.url))
        page.goto(at)
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
    box = page.locator("#paper").bounding_box()
    return lambda point: (box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"])


def draw_with_mouse(page: Any, digit: int) -> None:
    place = paper_coordinates(page)
    for first, *rest in STROKES[digit]:
        page.mouse.move(*place(first))
        page.mouse.down()
        for point in rest:
            page.mouse.move(*place(point), steps=4)
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
  document.querySelector("#reading strong")?.textContent ?? "",
  [...document.querySelectorAll("#bars .share")].map((share) => share.innerText),
]"""


def assert_reads(page: Any, digit: int) -> None:
    """Wait until the answer and its bars, seen in one moment, both say the digit: a draft's answer may come before."""

    def reads() -> bool:
        answer, texts = page.evaluate(READING)
        shares = [float(text.lstrip(">").split()[0]) for text in texts if text.strip("–")]  # none yet
        is_answered = str(digit) in answer and len(shares) == 10
        return is_answered and abs(sum(shares) - 100) <= 1 and shares.index(max(shares)) == digit

    wait_for(reads, timeout_s=10)
