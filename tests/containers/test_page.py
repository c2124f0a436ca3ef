"""The page through the gateway: it works behind nginx as it does in tests/web, and with an API key."""

from __future__ import annotations

import pytest

from tests.containers.conftest import run_gateway
from tests.support.browser import TOUCH, assert_reads, draw_with_finger, draw_with_mouse

pytestmark = [pytest.mark.container, pytest.mark.browser]


@pytest.fixture
def page_url(service):
    """Return the URL of the page."""
    return service.url


@pytest.fixture(scope="module")
def locked(service):
    """Run a second gateway, which wants a key. Returns its address."""
    with run_gateway(service, "--env=API_KEY=Right-key_1") as url:
        yield url


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_drawn_with_the_mouse_is_read(open_page, digit):
    page = open_page()
    draw_with_mouse(page, digit)
    assert_reads(page, digit)


@pytest.mark.parametrize("digit", [2, 5, 9])
def test_a_digit_drawn_with_a_finger_on_a_phone_is_read(open_page, digit):
    page = open_page(locale="ko-KR", **TOUCH)
    draw_with_finger(page, digit)
    assert_reads(page, digit)


def test_a_file_is_read(open_page, root):
    page = open_page()
    page.locator("#file").set_input_files(root / "model/mnist/samples/5.png")
    assert_reads(page, 5)


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_the_key_is_asked_for_and_kept_for_this_tab(open_page, locked, language):
    # Without TLS, and not at this machine's own name, Chromium leaves that header out and says so.
    page = open_page(expected=(401, "Cross-Origin-Opener-Policy header has been ignored"), at=locked, locale=language)
    draw_with_mouse(page, 7)
    page.locator("#key:focus").wait_for()
    wanted = page.locator("#locked label").inner_text()
    page.keyboard.type("right-key_1")
    page.keyboard.press("Enter")
    page.locator("#locked label", has_not_text=wanted).wait_for()
    page.locator("#key:focus").wait_for()
    page.locator("#key").fill("Right-key_1")
    page.locator("#locked button").click()
    assert_reads(page, 7)
    page.reload()
    assert_reads(page, 7)
    page.locator("#clear").click()
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    assert page.evaluate("JSON.stringify({...localStorage})").count("Right-key_1") == 0


def test_the_gateways_headers_reach_every_file(service, http, root):
    for file in (root / "web").iterdir():
        headers = http.get(f"{service.url}/{file.name}").headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], file.name
        assert headers["Cache-Control"] == "no-cache", file.name
