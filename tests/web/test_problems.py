"""The page says what is wrong in the user's language without moving, and tries again where that can help."""

from __future__ import annotations

import io
import socket

import pytest
from PIL import Image

from model.config import load
from serving import ui_server
from tests.support.browser import assert_reads, draw_with_mouse, wait_until
from tests.support.polling import wait_for

pytestmark = pytest.mark.browser
OFFLINE = "ERR_INTERNET_DISCONNECTED"


def open_blank_picture(page):
    stream = io.BytesIO()
    Image.new("L", (300, 300), 200).save(stream, "PNG")
    page.locator("#file").set_input_files({"name": "blank.png", "mimeType": "image/png", "buffer": stream.getvalue()})


def sentence(page):
    wait_until(page, "problem")
    return page.locator("#problem .sentence").inner_text()


@pytest.fixture
def without_workers(client):
    """Take all workers from the MNIST model, so that TorchServe refuses. Returns a function that starts them again."""
    workers = client.describe("mnist")["maxWorkers"]
    client.scale("mnist", 0)
    yield lambda: client.scale("mnist", workers)
    if client.describe("mnist")["maxWorkers"] != workers:
        client.scale("mnist", workers)


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_no_digit_is_said_with_the_servers_own_sentence_in_the_details(open_page, language):
    page = open_page(locale=language)
    open_blank_picture(page)
    assert sentence(page) == page.get_by_role("status").inner_text()
    detail = page.locator("#problem .detail")
    assert not detail.is_visible()
    page.locator("#problem summary").click()
    assert "no digit found" in detail.inner_text()
    assert detail.get_attribute("lang") == "en"
    assert not page.locator("#again").is_visible()


def test_a_busy_server_is_asked_again_after_longer_and_longer_waits(open_page, without_workers):
    page, asked = open_page(expected=(429,)), []
    page.on("response", lambda r: asked.append(r.status) if r.request.method == "POST" else None)
    open_blank_picture(page)
    busy = sentence(page)
    wait_for(lambda: page.evaluate("0") or len(asked) >= 2, timeout_s=10)
    assert set(asked) == {429}
    assert any(figure in page.locator("#problem .retry").inner_text() for figure in "123")
    assert page.get_by_role("status").inner_text() == busy
    without_workers()
    page.locator("#again").click()
    wait_for(lambda: page.locator("#problem .sentence").inner_text() not in ("", busy))


def test_a_server_that_comes_back_answers_without_a_click(open_page, without_workers):
    page = open_page(expected=(429,), locale="ko-KR")
    draw_with_mouse(page, 7)
    wait_until(page, "problem")
    without_workers()
    assert_reads(page, 7)


def test_a_server_that_is_down_is_told_from_a_busy_one(open_page):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with ui_server.running(f"http://127.0.0.1:{port}", [load("mnist")], "0") as said:
        page = open_page(expected=(503,), at=said.split()[-1])
        draw_with_mouse(page, 7)
        down = sentence(page)
        retry = page.locator("#problem .retry")
        first = retry.inner_text()
        assert "5" in first
        wait_for(lambda: retry.inner_text() != first, timeout_s=3)  # it counts
        page.context.close()
    page = open_page(expected=(429,))
    page.route("**/explanations/mnist", lambda route: route.fulfill(status=429, json={"error": "slow down"}))
    draw_with_mouse(page, 7)
    assert sentence(page) != down


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_no_connection_is_said_and_asked_again_when_it_returns(open_page, language):
    page = open_page(expected=(OFFLINE,), locale=language)
    page.context.set_offline(True)
    draw_with_mouse(page, 7)
    assert sentence(page)
    page.context.set_offline(False)
    assert_reads(page, 7)


def test_a_number_of_several_digits_has_a_sentence_of_its_own(open_page):
    page = open_page()
    open_blank_picture(page)
    refused = sentence(page)
    answer = {"status": 400, "json": {"error": "the image holds 2 digits; send one digit"}}
    page.route("**/explanations/mnist", lambda route: route.fulfill(**answer))
    draw_with_mouse(page, 7)
    wait_for(lambda: page.locator("#problem .sentence").inner_text() not in ("", refused))


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_nothing_moves_whatever_is_answered(open_page, language):
    page = open_page(expected=(OFFLINE,), locale=language, viewport={"width": 320, "height": 700})
    place = page.locator("#paper").bounding_box()
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    assert page.locator("#paper").bounding_box() == place
    open_blank_picture(page)
    wait_until(page, "problem")
    assert page.locator("#paper").bounding_box() == place
    page.context.set_offline(True)
    draw_with_mouse(page, 4)
    page.locator("#again").wait_for()
    assert page.locator("#paper").bounding_box() == place
