"""The page shows how the digit was read and why, pixel by pixel as the server returns them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.browser import assert_reads, draw_with_mouse, wait_until
from tests.support.polling import wait_for

pytestmark = pytest.mark.browser
DARK, LIGHT = np.array([22, 25, 29]), np.array([245, 246, 248])


def colours(page, canvas):
    """Return a canvas' pixels, [28, 28, 3]."""
    script = "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]"
    return np.array(page.locator(canvas).evaluate(script)).reshape(28, 28, 4)[..., :3]


@pytest.fixture
def explained(open_page):
    """Draw a 4. Returns the page and the server's last explanation."""
    page, answers = open_page(), []

    def remember(request):
        if "explanations" in request.url:
            answers.append(request.response().json())

    page.on("requestfinished", remember)
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # until the handlers of the last responses have run
    return page, answers[-1]


def test_the_input_of_the_net_is_shown_unchanged(explained):
    page, answer = explained
    seen = np.array(answer["pixels"])[..., None] / 255
    np.testing.assert_allclose(colours(page, "#seen"), DARK + (LIGHT - DARK) * seen, atol=0.51)


def test_positive_attribution_is_orange_and_negative_blue(explained):
    page, answer = explained
    attribution, pixels = np.array(answer["attribution"]), np.array(answer["pixels"])
    shown = colours(page, "#reasons").astype(int)
    warmth = shown[..., 0] - shown[..., 2]
    strong = (np.abs(attribution) > 0.3 * np.abs(attribution).max()) & (pixels > 128)
    assert (attribution[strong] > 0).any()
    assert (np.sign(warmth[strong]) == np.sign(attribution[strong])).all()
    assert (shown[pixels == 0] == DARK).all()
    row, column = np.unravel_index(attribution.argmax(), attribution.shape)
    assert warmth[row, column] == warmth[pixels <= pixels[row, column]].max()  # what is brighter may look warmer


def test_the_map_is_told_in_words(explained):
    page, answer = explained
    attribution = np.array(answer["attribution"])
    bands = (np.arange(28) * 3) // 28
    sums = np.array([[attribution[np.ix_(bands == i, bands == j)].sum() for j in range(3)] for i in range(3)])
    row, column = np.unravel_index(sums.argmax(), (3, 3))
    place = f"{['top', 'middle', 'bottom'][row]} {['left', '', 'right'][column]}".strip()
    assert place in page.locator("#reasons-text").text_content()


def test_all_go_with_the_answer(explained):
    page, _ = explained
    page.get_by_role("button", name="Clear").click()
    wait_until(page, "empty")
    for canvas in ("#seen", "#reasons", "#plain"):
        assert not colours(page, canvas).any()


def test_a_plain_resize_is_read_as_the_api_reads_it(open_page, http, page_url):
    page = open_page()
    page.locator("#examples [data-kind=paperPhoto]").click()
    assert_reads(page, 6)
    wait_for(lambda: page.locator("#plain-answer").inner_text() != "–")
    shown = colours(page, "#plain")
    pixels = np.rint((shown[..., 0] - DARK[0]) / (LIGHT[0] - DARK[0]) * 255).astype(int).clip(0, 255)
    answer = http.post(f"{page_url}/predictions/mnist", json={"instances": [pixels.tolist()]}).json()["predictions"][0]
    digit, confidence = page.locator("#plain-answer").inner_text().split(" · ")
    assert int(digit) == answer["digit"]
    assert float(confidence.strip("<>%")) == pytest.approx(100 * answer["confidence"], abs=2)  # shown in 223 shades


@pytest.mark.parametrize("form", ["list", "object"])
def test_what_was_read_is_framed_where_the_service_says_where_it_was(open_page, form):
    page = open_page()
    box = [40, 20, 100, 200]  # of the 280 by 280 pixels that are sent

    def with_box(route):
        answer = route.fetch()
        named = dict(zip(("x", "y", "width", "height"), box, strict=True))
        route.fulfill(response=answer, json={**answer.json(), "box": box if form == "list" else named})

    page.route("**/explanations/mnist", with_box)
    draw_with_mouse(page, 1)
    assert_reads(page, 1)
    frame, sheet = page.locator("#box").bounding_box(), page.locator("#sheet").bounding_box()
    # The 1 is 0.6 of the sheet high, and is sent 0.7 of it high, with its middle at 0.5.
    height = sheet["height"] * (200 / 280) * (0.6 / 0.7)
    assert frame["height"] == pytest.approx(height, abs=1)
    middle = frame["y"] + frame["height"] / 2 - sheet["y"]
    assert middle == pytest.approx(sheet["height"] * (0.5 + (120 / 280 - 0.5) * 0.6 / 0.7), abs=1)
    assert page.locator("#found").is_visible()
    page.get_by_role("button", name="Clear").click()
    assert not page.locator("#box").is_visible()


def test_without_a_box_nothing_is_framed(open_page):
    page = open_page()

    def without_box(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={name: value for name, value in answer.json().items() if name != "box"})

    page.route("**/explanations/mnist", without_box)
    draw_with_mouse(page, 1)
    assert_reads(page, 1)
    assert not page.locator("#box").is_visible()
    assert not page.locator("#found").is_visible()
