"""Alignment: the best path against brute force, and a recogniser that learns beeps."""

from __future__ import annotations

import itertools

import numpy as np

from recipes.voice import align

from . import made

BLANK = align.BLANK


def collapsed(path: tuple[int, ...]) -> list[int]:
    return [token for token, _ in itertools.groupby(path) if token != BLANK]


def test_the_best_path_is_the_best_of_all_paths():
    rng = np.random.default_rng(0)
    scores = np.full((5, BLANK + 1), -50.0)
    used = [1, 2, BLANK]
    for tokens in ([1, 2], [1, 1], [2]):
        scores[:, used] = np.log(rng.dirichlet(np.ones(3), size=5))
        best = max(
            (path for path in itertools.product(used, repeat=5) if collapsed(path) == tokens),
            key=lambda path: sum(scores[t, s] for t, s in enumerate(path)),
        )
        states = np.array([s for token in tokens for s in (BLANK, token)] + [BLANK])
        assert tuple(states[align.best_path(scores, tokens)]) == best


def test_every_frame_gets_a_character_of_its_text_in_order():
    scores = np.full((20, BLANK + 1), -20.0)
    scores[:, BLANK] = 0
    for position, token in ((3, 5), (10, 6), (16, 7)):
        scores[position, token] = 5
    labels = align.frame_labels(scores, [5, 6, 7], 40)
    assert len(labels) == 40 and list(dict.fromkeys(labels)) == [5, 6, 7]
    assert labels[6] == 5 and labels[20] == 6 and labels[33] == 7


def test_the_recogniser_learns_beeps(capsys):
    items = [(item.mel.float(), [made.CODES[c] for c in item.text]) for item in made.items(16)]
    model = align.learn(items, epochs=12, seed=0)
    start = align.learn(items, epochs=1, seed=0)
    trained, fresh = (float(align.ctc_loss(m, items, 0.0).detach()) for m in (model, start))
    assert trained < 0.9 * fresh
    assert "left" in capsys.readouterr().out
