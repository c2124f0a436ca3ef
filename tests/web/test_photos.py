"""Pictures that are opened, photographed, dropped or pasted are shown as they are sent, and predicted."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.support.browser import CHROMIUM, PHONE, TOUCH, assert_reads, draw_with_mouse, status, wait_until
from tests.web.test_explanations import DARK, LIGHT, colours

pytestmark = pytest.mark.browser


@pytest.fixture
def five(root):
    """Return the path of a 5 of MNIST, 28 by 28."""
    return root / "model/mnist/samples/5.png"


@pytest.fixture(scope="module")
def photo(root):
    """Return a 5 on grainy paper as a phone takes it: 4000 by 3000 pixels lying on its side, over 8 MiB of JPEG."""
    ink = ImageOps.invert(Image.open(root / "model/mnist/samples/5.png").convert("L")).resize(
        (2000, 2000), Image.Resampling.BICUBIC
    )
    paper = Image.new("L", (3000, 4000), 255)
    paper.paste(ink, (500, 1000))
    grain = np.random.default_rng(0).integers(-28, 29, (4000, 3000, 3))
    shade = np.linspace(0.95, 0.75, 4000)[:, None, None]
    upright = np.clip(np.asarray(paper)[..., None] * 0.8 * shade + 20 + grain, 0, 255).astype(np.uint8)
    stream, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6  # shown upright when turned by 90°
    Image.fromarray(upright).rotate(90, expand=True).save(stream, "JPEG", quality=97, exif=turned)
    assert len(stream.getvalue()) > 8 * 2**20
    return stream.getvalue()


REMEMBER = """
    const fetched = window.fetch;  // Chromium tells its driver nothing of bodies that are blobs
    window.fetch = (url, options) => {
        if (String(url).includes("explanations")) window.sent = options.body;
        return fetched(url, options);
    };
"""
READ = """() => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(window.sent);
})"""


def decoded(url):
    return base64.b64decode(url.partition(",")[2])


def last_sent(page):
    """Wait for all answers, and return the picture that was sent last, RGB."""
    wait_until(page, "answer")
    page.wait_for_load_state("networkidle")
    body = decoded(page.evaluate(READ))
    assert len(body) < 8 * 2**20
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB")).astype(int)


def paper_pixels(page):
    """Return the picture that lies on the paper, RGB."""
    url = page.locator("#sheet").evaluate("c => c.toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(decoded(url))).convert("RGB")).astype(int)


def hand_over(page, kind, data, mime="image/png"):
    """Drop or paste a file, as an event that carries it."""
    page.evaluate(
        """([kind, base64, type]) => {
            const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "digit", { type }));
            const options = { bubbles: true, cancelable: true };
            document.querySelector("#sheet").dispatchEvent(kind === "paste"
                ? new ClipboardEvent("paste", { ...options, clipboardData: data })
                : new DragEvent(kind, { ...options, dataTransfer: data }));
        }""",
        [kind, base64.b64encode(data).decode(), mime],
    )


def test_a_digit_of_mnist_is_shown_sent_and_seen_to_the_bit(open_page, five):
    page = open_page(script=REMEMBER)
    page.locator("#file").set_input_files(five)
    assert_reads(page, 5)
    sent = last_sent(page)
    expected = np.asarray(Image.open(five).convert("RGB")).astype(int)
    np.testing.assert_array_equal(sent, expected)
    np.testing.assert_array_equal(paper_pixels(page), expected)
    np.testing.assert_allclose(colours(page, "#seen"), DARK + (LIGHT - DARK) * (expected / 255), atol=0.51)


@pytest.mark.parametrize("button", ["#file", "#camera"])
def test_a_photo_of_12_megapixels_is_shrunk_turned_upright_and_read(open_page, photo, button):
    page = open_page(script=REMEMBER)
    page.locator(button).set_input_files({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo})
    assert_reads(page, 5)
    sent = last_sent(page)
    assert sent.shape == (1000, 750, 3)
    assert np.abs(sent - paper_pixels(page)).mean() < 3, "JPEG's own loss"
    assert page.locator("#sheet").bounding_box()["width"] == pytest.approx(
        page.locator("#sheet").bounding_box()["height"], abs=1
    )


def test_a_device_used_with_fingers_offers_its_camera(chromium, page_url):
    # Chromium knows no other way to have a coarse pointer than from its start.
    settings = "--blink-settings=primaryPointerType=2,availablePointerTypes=2,primaryHoverType=1,availableHoverTypes=1"
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", settings])
    try:
        page = browser.new_page(**TOUCH)
        page.goto(page_url)
        assert page.locator(".camera").is_visible()
        assert page.locator("#camera").get_attribute("capture") == "environment"
        assert not page.locator("#how").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    finally:
        browser.close()


def test_a_device_with_a_mouse_does_not(open_page):
    assert not open_page().locator(".camera").is_visible()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(open_page, five, kind):
    page = open_page()
    hand_over(page, kind, five.read_bytes())
    assert_reads(page, 5)


def test_where_it_may_be_dropped_is_shown(open_page, five):
    page = open_page()
    hand_over(page, "dragover", five.read_bytes())
    assert "dropping" in page.locator("#paper").get_attribute("class")
    hand_over(page, "drop", five.read_bytes())
    assert "dropping" not in page.locator("#paper").get_attribute("class")


@pytest.mark.parametrize(("ink", "ground"), [(255, 0), (0, 255)])
def test_a_transparent_picture_lies_on_the_ground_that_shows_its_ink(open_page, five, ink, ground):
    alpha = Image.open(five).convert("L").resize((280, 280), Image.Resampling.BICUBIC)
    picture, stream = Image.new("RGBA", alpha.size, (ink, ink, ink, 255)), io.BytesIO()
    picture.putalpha(alpha)
    picture.save(stream, "PNG")
    page = open_page(script=REMEMBER)
    hand_over(page, "paste", stream.getvalue())
    assert_reads(page, 5)
    sent = last_sent(page)
    np.testing.assert_array_equal(sent, paper_pixels(page))
    assert (sent[0, 0] == ground).all()


def test_a_stroke_over_a_picture_begins_a_fresh_sheet_and_undo_brings_it_back(open_page, five):
    page = open_page()
    page.locator("#file").set_input_files(five)
    assert_reads(page, 5)
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    assert paper_pixels(page).shape == (560, 560, 3)
    page.locator("#undo").click()
    assert_reads(page, 5)
    page.locator("#undo").click()
    wait_until(page, "empty")


@pytest.mark.parametrize("kind", ["drop", "paste"])
@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_a_file_that_is_no_picture_leaves_the_drawing_and_is_said(open_page, language, kind):
    page = open_page(locale=language)
    draw_with_mouse(page, 7)
    assert_reads(page, 7)
    hand_over(page, kind, b"%PDF-1.4", "application/pdf")
    page.locator("#notice").wait_for()
    assert page.get_by_role("status").inner_text() == page.locator("#notice").inner_text()
    assert status(page) == "answer"
    assert_reads(page, 7)
    page.locator("#undo").click()
    wait_until(page, "empty")
    assert not page.locator("#notice").is_visible()


def test_the_format_of_iphones_has_a_sentence_of_its_own(open_page):
    page = open_page()
    hand_over(page, "drop", b"no picture", "application/pdf")
    page.locator("#notice").wait_for()
    other = page.locator("#notice").inner_text()
    hand_over(page, "drop", b"no picture", "image/heic")
    page.locator("#notice", has_not_text=other).wait_for()
