"""The site of `make docs`: both languages, search, links that lead somewhere, and no request to another host."""

from __future__ import annotations

import functools
import http.server
import json
import re
import subprocess
import threading
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.documents import find_documents

pytestmark = pytest.mark.slow
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Page(HTMLParser):
    """The links, the resources and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.resources, self.anchors, self.language = [], [], set(), None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "html":
            self.language = values.get("lang")
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        is_loaded = tag != "link" or values.get("rel") not in ("canonical", "alternate", "prev", "next")
        if tag in LOADED and values.get(LOADED[tag]) and is_loaded:
            self.resources.append(values[LOADED[tag]])


@pytest.fixture(scope="module")
def site(root):
    python = root / ".venv-docs/bin/python"
    if not python.exists():
        pytest.skip("the site's packages are not installed; `make docs` installs them")
    built = subprocess.run([python, "docs/site/build.py"], cwd=root, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    return root / "build/site"


@pytest.fixture(scope="module")
def pages(site):
    not_built = ("404.html", "docs/training/index.html")  # the second is a report of its own
    paths = [path for path in site.rglob("*.html") if not str(path).endswith(not_built)]
    return {path: Page(path) for path in paths}


def page_of(document):
    name = document.removesuffix(".ko.md").removesuffix(".md")
    name = re.sub(r"(^|/)README$", r"\1index", name)
    return f"{'ko/' if document.endswith('.ko.md') else ''}{name}.html"


def test_every_document_has_a_page_in_its_language(site, pages):
    for document in find_documents():
        page = pages[site / page_of(document)]
        assert page.language == ("ko" if document.endswith(".ko.md") else "en")


def test_every_link_and_resource_leads_to_a_file_and_an_anchor(site, pages):
    broken = []
    for path, page in pages.items():
        for target in page.links + page.resources:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            base = site if parts.path.startswith("/") else path.parent
            found = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            found = found / "index.html" if found.is_dir() else found
            anchor = unquote(parts.fragment)
            is_there = found.is_file() and (not anchor or found not in pages or anchor in pages[found].anchors)
            if not is_there:
                broken.append(f"{path.relative_to(site)}: {target}")
    assert broken == []


def test_no_page_loads_anything_from_another_host(site, pages):
    assert [r for page in pages.values() for r in page.resources if re.match(r"(https?:)?//", r)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_the_search_knows_both_languages(site):
    index = json.loads((site / "search/search_index.json").read_bytes())
    assert index["config"]["lang"] == ["en", "ko"]
    texts = " ".join(entry["text"] for entry in index["docs"])
    assert "vanishing gradient" in texts
    assert "경사 하강법" in texts


@pytest.fixture(scope="module")
def site_url(site):
    """Serve the site over HTTP, which its search needs."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["2-activations", "6-handler"])
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("size", [(1280, 900), (375, 812)], ids=["desktop", "phone"])
def test_a_step_can_be_read(site_url, chromium, pictures, name, language, size):
    """Nothing scrolls sideways or asks another host; screenshots go to test-results/ for people to look at."""
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{site_url}/{'ko/' if language == 'ko' else ''}docs/learn/{name}.html")
    page.screenshot(path=pictures / f"learn-{name}-{language}-{size[0]}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert all(url.startswith((site_url, "data:", "blob:")) for url in requested)
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("folder", "query"), [("", "vanishing gradient"), ("ko/", "경사 하강법")])
def test_the_search_finds_a_step(site_url, chromium, folder, query):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{site_url}/{folder}index.html")
    page.locator("input.md-search__input").fill(query)
    page.locator(f".md-search-result__link[href*='{folder}docs/learn/']").first.wait_for(timeout=20_000)
    page.close()
