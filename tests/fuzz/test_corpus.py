"""The corpus archive depends on its bodies alone."""

from __future__ import annotations

from fuzz.corpus import ARCHIVE, pack_corpus, read_corpus, unpack_corpus


def test_the_corpus_packs_to_the_same_bytes_in_any_order(tmp_path):
    pack_corpus(reversed(read_corpus()), tmp_path / "corpus.zip")
    assert (tmp_path / "corpus.zip").read_bytes() == ARCHIVE.read_bytes()


def test_an_unpacked_corpus_packs_to_the_same_bytes(tmp_path):
    unpack_corpus(tmp_path / "corpus")
    pack_corpus((path.read_bytes() for path in (tmp_path / "corpus").iterdir()), tmp_path / "corpus.zip")
    assert (tmp_path / "corpus.zip").read_bytes() == ARCHIVE.read_bytes()
