"""The XOR handler: pairs of bits in, their exclusive or out."""

from __future__ import annotations

import pytest


def test_all_four_pairs_are_answered_right(xor_handler):
    answers = xor_handler.json({"instances": [[0, 0], [0, 1], [1, 0], [1, 1]]}).json["predictions"]
    assert [answer["output"] for answer in answers] == [0, 1, 1, 0]
    assert [round(answer["probability"]) for answer in answers] == [0, 1, 1, 0]


def test_requests_of_a_batch_keep_their_own_answers(xor_handler):
    first = {"body": bytearray(b'{"instances": [[0, 1]]}')}
    second = {"body": bytearray(b'{"instances": [[1, 1], [1, 0], [0, 0]]}')}
    bad = {"body": bytearray(b'{"instances": [[1]]}')}
    replies = xor_handler.batch([first, bad, second])
    assert [reply.status for reply in replies] == [200, 400, 200]
    assert [p["output"] for p in replies[0].json["predictions"]] == [1]
    assert [p["output"] for p in replies[2].json["predictions"]] == [0, 1, 0]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ([], 'send {"instances": [...]}'),
        ({"instances": []}, "0 inputs; send 1 to 10000"),
        ({"instances": [[0, 1]] * 10_001}, "10001 inputs; send 1 to 10000"),
        ({"instances": [[0, 1], [0, 1, 1]]}, "instances[1] is not a list of 2 numbers"),
        ({"instances": [[0, 2]]}, "instances[0]: 2 is out of range; send integers from 0 to 1"),
        ({"instances": [[0, True]]}, "instances[0] holds something that is not a number"),
        ({"instances": ["01"]}, "instances[0] is not a list of 2 numbers"),
    ],
)
def test_a_bad_message_is_refused_with_its_sentence(xor_handler, message, sentence):
    reply = xor_handler.json(message)
    assert reply.status == 400
    assert sentence in reply.json["error"]


def test_broken_json_is_refused(xor_handler):
    assert "not valid JSON" in xor_handler.body(b"{").json["error"]
