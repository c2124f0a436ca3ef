"""The page shows errors in the user's language without moving, and retries where that can help."""

from __future__ import annotations

import io
import socket

import pytest
from PIL import Image

from model.config import load_all
from serving import ui_server
from tests.support.browser import assert_reads, draw_with_mouse

pytestmark = pytest.mark.browser
OFFLINE = "ERR_INTERNET_DISCONNECTED"


def open_blank_picture(page):
    stream = io.BytesIO()
    Image.new("L", (300, 300), 200).save(stream, "PNG")
    page.locator("#file").set_input_files({"name": "blank.png", "mimeType": "image/png", "buffer": stream.getvalue()})


@pytest.fixture
def without_workers(client):
    """Take all workers from the MNIST model, so that TorchServe refuses. Returns a function that starts them again."""
    workers = client.describe("mnist")["maxWorkers"]
    client.scale("mnist", 0)
    yield lambda: client.scale("mnist", workers)
    if client.describe("mnist")["maxWorkers"] != workers:
        client.scale("mnist", workers)


@pytest.mark.parametrize(
    ("language", "sentence"), [("en-US", "The net finds no digit here."), ("ko-KR", "숫자를 찾지 못했습니다")]
)
def test_no_digit_is_said_with_the_servers_own_sentence_below(open_page, language, sentence):
    page = open_page(locale=language)
    open_blank_picture(page)
    page.locator("#problem").get_by_text(sentence).wait_for()
    detail = page.locator("#problem .detail")
    assert "no digit found" in detail.inner_text()
    assert detail.get_attribute("lang") == "en"
    assert not page.locator("#again").is_visible()
    assert sentence in page.get_by_role("status").inner_text()


def test_a_busy_server_is_asked_once_more_and_then_when_the_person_wants(open_page, without_workers):
    page, asked = open_page(expected=(429,)), []
    page.on("response", lambda r: asked.append(r.status) if r.request.method == "POST" else None)
    open_blank_picture(page)
    page.get_by_text("The server is busy. Asking again in 1 s").first.wait_for()
    page.locator("#problem").get_by_text("The server is still busy").wait_for()
    assert asked == [429, 429]
    without_workers()
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("The net finds no digit here.").first.wait_for()


def test_the_second_question_may_be_answered(open_page, without_workers):
    page = open_page(expected=(429,), locale="ko-KR")
    answers = page.locator("#reading, #problem:has-text('아직 바쁩니다')")
    draw_with_mouse(page, 7)
    page.get_by_text("1초 뒤에 다시 물어봅니다").first.wait_for()
    without_workers()
    answers.wait_for(timeout=10_000)
    if page.get_by_role("button", name="다시 시도").is_visible():
        page.get_by_role("button", name="다시 시도").click()
    assert_reads(page, 7)


def test_without_a_server_behind_the_gateway_it_waits_as_long_as_it_is_told(open_page):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with ui_server.running(f"http://127.0.0.1:{port}", load_all(), "0") as sentence:
        page = open_page(expected=(503,), at=sentence.split()[-1])
        draw_with_mouse(page, 7)
        page.get_by_text("Asking again in 5 s").first.wait_for()
        page.context.close()


@pytest.mark.parametrize(
    ("language", "sentence", "again"),
    [("en-US", "The server does not answer.", "Try again"), ("ko-KR", "서버가 응답하지 않습니다.", "다시 시도")],
)
def test_no_connection_is_said_and_tried_again(open_page, language, sentence, again):
    page = open_page(expected=(OFFLINE,), locale=language)
    page.context.set_offline(True)
    draw_with_mouse(page, 7)
    page.locator("#problem").get_by_text(sentence).wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name=again).click()
    assert_reads(page, 7)


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_nothing_moves_whatever_is_answered(open_page, language):
    page = open_page(expected=(OFFLINE,), locale=language, viewport={"width": 320, "height": 700})
    places = [page.locator("#bars").bounding_box()]
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    places.append(page.locator("#bars").bounding_box())
    open_blank_picture(page)
    page.locator("#problem").wait_for()
    places.append(page.locator("#bars").bounding_box())
    assert page.locator("#answer").evaluate("e => e.scrollHeight - e.clientHeight") <= 0, "the sentence is cut off"
    page.context.set_offline(True)
    draw_with_mouse(page, 4)
    page.locator("#again").wait_for()
    places.append(page.locator("#bars").bounding_box())
    assert places == [places[0]] * 4
    assert page.locator("#answer").evaluate("e => e.scrollHeight - e.clientHeight") <= 0
