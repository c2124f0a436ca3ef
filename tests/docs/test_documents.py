"""Every document exists in both languages, leads to files that exist, and keeps the limits of length and style."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import (
    anchors,
    blocks,
    commands,
    english_documents,
    find_documents,
    links,
    read,
    resolve,
    shell_lines,
    twin_of,
    without_blocks,
)

READMES = ("README.md", "README.ko.md")
DOCUMENTS, ENGLISH = find_documents(), english_documents()
CURRENT = [name for name in DOCUMENTS if not name.startswith("CHANGELOG")]  # which names targets of old versions too


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_in_both_languages(root, name):
    assert (root / twin_of(name)).is_file()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file(name):
    for target in links(read(name)):
        path, anchor = resolve(name, target), target.partition("#")[2]
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", READMES)
def test_the_readme_leads_to_the_index_and_the_index_to_every_document(root, name):
    index = "docs/README.md" if name == "README.md" else "docs/README.ko.md"
    assert index in links(read(name))
    learning_path = index.replace("docs/", "docs/learn/")
    assert learning_path.removeprefix("docs/") in links(read(index))
    linked = {resolve(of, target).resolve() for of in (index, learning_path) for target in links(read(of))}
    of_language = [document for document in DOCUMENTS if document.endswith(".ko.md") == index.endswith(".ko.md")]
    assert {(root / document).resolve() for document in of_language if document not in READMES} <= linked | {
        (root / index).resolve()
    }


@pytest.mark.parametrize("name", ENGLISH)
def test_both_languages_have_the_same_commands(name):
    english, korean = read(name), read(twin_of(name))
    assert list(commands(english)) == list(commands(korean))
    assert shell_lines(english) == shell_lines(korean)
    assert len(blocks(english, "python")) == len(blocks(korean, "python"))


@pytest.mark.parametrize("name", CURRENT)
def test_every_make_target_exists(name):
    text = read(name)
    targets = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )(?:[A-Z_]+=\S+ )*make ([a-z0-9-]+)", text))
    named |= set(re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z0-9-]+)", "\n".join(shell_lines(text)), re.MULTILINE))
    assert named <= targets
    if name in READMES:
        assert {"serve", "test"} <= named


@pytest.mark.parametrize("name", READMES)
def test_the_readme_is_at_most_180_lines(name):
    assert len(read(name).splitlines()) <= 180


def test_the_english_documents_rarely_say_what():
    """Free relative clauses in place of nouns make prose hard to read; comparable projects have 0.2 to 0.9 in 1,000."""
    prose = " ".join(without_blocks(read(name)) for name in ENGLISH if not name.startswith("CHANGELOG"))
    words = re.findall(r"[a-z']+", prose.lower())
    assert words.count("what") <= 3 * len(words) / 1000
