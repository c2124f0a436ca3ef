"""The page shows the net's input and the attribution map pixel by pixel as the server returns them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.browser import assert_reads, draw_with_mouse

pytestmark = pytest.mark.browser
DARK, LIGHT = np.array([22, 25, 29]), np.array([245, 246, 248])


def colours(page, canvas):
    """Return a canvas' pixels, [28, 28, 3]."""
    script = "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]"
    return np.array(page.locator(canvas).evaluate(script)).reshape(28, 28, 4)[..., :3]


@pytest.fixture
def explained(open_page):
    """Draw a 4 in the light scheme. Returns the page and the server's last response."""
    page, answers = open_page(), []
    page.on("requestfinished", lambda r: answers.append(r.response().json()) if r.method == "POST" else None)
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # until the handlers of the last responses have run, and the page has drawn the last
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


def test_both_go_with_the_answer(explained):
    page, _ = explained
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw a digit from 0 to 9.").wait_for()
    assert not colours(page, "#seen").any()
    assert not colours(page, "#reasons").any()
