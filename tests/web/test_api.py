"""Use via API: the commands that the page shows answer as the page does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.browser import assert_reads, draw_with_mouse

pytestmark = pytest.mark.browser


@pytest.fixture
def api(open_page):
    """Draw a 4 and open the part for engineers. Returns the page."""
    page = open_page((404,))  # /v2 is not at every page server
    draw_with_mouse(page, 4)
    assert_reads(page, 4)
    page.locator("#api summary").click()
    return page


@pytest.mark.parametrize("client", ["curl", "python"])
def test_the_command_and_the_picture_give_the_same_digit(api, tmp_path, client):
    api.locator(f"[name=client][value={client}]").check()
    with api.expect_download() as download:
        api.locator("#download").click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    snippet = api.locator("#snippet").inner_text()
    command = ["bash", "-c", snippet] if client == "curl" else [sys.executable, "-c", snippet]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert (json.loads(output)["digit"] if client == "curl" else int(output)) == 4


def test_the_answer_is_shown_as_the_server_gave_it(api):
    answer = json.loads(api.locator("#json").inner_text())
    assert answer["digit"] == 4
    assert len(answer["probabilities"]) == 10
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_the_key_is_named_and_not_shown(open_page):
    page = open_page(expected=(401, 404))
    answer = {"status": 401, "json": {"error": "send your API key in the header X-Api-Key"}}
    page.route("**/explanations/mnist", lambda route: route.fulfill(**answer))
    draw_with_mouse(page, 4)
    page.locator("#key").fill("Right-key_1")
    page.unroute("**/explanations/mnist")
    page.keyboard.press("Enter")
    assert_reads(page, 4)
    page.locator("#api summary").click()
    for client in ("curl", "python", "javascript"):
        page.locator(f"[name=client][value={client}]").check()
        snippet = page.locator("#snippet").inner_text()
        assert "X-Api-Key" in snippet
        assert "Right-key_1" not in snippet
