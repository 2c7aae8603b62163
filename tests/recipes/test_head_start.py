"""A head start: pairs of one speaker, real speech mixed into the noise, errors counted by the way that was taken."""

from __future__ import annotations

import torch

from f5lite.model.mel import log_mel
from recipes.voice import head_start, shards

from . import made

SAID = [
    shards.Said(text, (who, who, 0.0), made.beeps(text))
    for text, who in (
        ("ab cd", "x"),
        ("bad", "y"),
        ("cabbed ab", "x"),
        ("dab ab", "x"),
        ("face", "y"),
        ("bed a b", "x"),
    )
]


class Knowing(torch.nn.Module):
    """Flows straight to what it is told, and remembers what it was called with."""

    def __init__(self, end: torch.Tensor):
        super().__init__()
        self.end, self.calls = end, []

    def forward(self, x, known, tokens, time, valid, drop_text, drop_audio):
        self.calls.append((float(time), x, known))
        return ((self.end - x) / (1 - time),)


def test_pairs_are_of_one_speaker_and_repeatable():
    found = head_start.pairs(SAID, 9)
    assert len(found) == 3 and all(a.speaker == b.speaker and a is not b for a, b in found)
    assert len({id(one) for pair in found for one in pair}) == 6
    assert [a.text for a, _ in found] == [a.text for a, _ in head_start.pairs(SAID, 9)]
    assert len(head_start.pairs(SAID, 2)) == 2


def test_every_way_ends_where_the_flow_leads_and_begins_where_it_says():
    first, second = SAID[0], SAID[2]
    reference, real = log_mel(first.as_float()), log_mel(second.as_float())
    network = Knowing(torch.cat((reference, real))[None])
    ways = dict(head_start.spoken(network, first, second, seed=3, steps=4))
    assert list(ways) == ["real", *(f"from {time}" for time in head_start.TIMES)]
    for mel in ways.values():
        torch.testing.assert_close(mel, real, rtol=1e-3, atol=1e-3)
    (time, noise, known), (tenth, mixed, _) = network.calls[0], network.calls[4]
    assert time == 0.0 and abs(float(noise.std()) - 1) < 0.1, "noise alone"
    assert torch.equal(known[0, : len(reference)], reference) and not known[0, len(reference) :].any()
    assert round(tenth, 6) == 0.1
    torch.testing.assert_close(mixed, 0.9 * noise + 0.1 * network.end)


def test_errors_are_summed_over_words():
    class Silent(torch.nn.Module):
        def forward(self, x, *_):
            return (torch.full_like(x, torch.inf),)

    texts = {len(log_mel(one.as_float())): one.text for one in SAID}

    def hear(mel: torch.Tensor) -> str:
        """The first word, from what was really said; nothing from what isn't sound."""
        return texts[len(mel)].split()[0] if mel.isfinite().all() else ""

    words = [second.text.split() for _, second in head_start.pairs(SAID, 9)]
    found = head_start.measure(Silent(), SAID, 9, hear)
    assert found["from 0.0"] == found["from 0.5"] == 100.0
    assert found["real"] == 100 * sum(len(its) - 1 for its in words) / sum(map(len, words)) > 0
