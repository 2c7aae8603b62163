"""The intervals: their coverage in made-up experiments where the truth is known, and their edges."""

from __future__ import annotations

import numpy as np
import pytest

from f5lite.evidence.quality.bootstrap import Sums, difference, interval, student, tails, weights

EXPERIMENTS = 3000


def experiments(sentences: int, rng: np.random.Generator):
    """Word errors of A and B: (experiments, sentences) each. Sentences are easy or hard for both, B is a bit worse."""
    words = rng.integers(4, 11, (EXPERIMENTS, sentences))
    hard = rng.beta(0.6, 3.0, (EXPERIMENTS, sentences))
    wrong_a = rng.binomial(words, hard)
    wrong_b = rng.binomial(words, np.minimum(1, hard * 1.2 + 0.01))
    return words, wrong_a, wrong_b


def quantiles(values: np.ndarray, count: int) -> np.ndarray:
    return np.quantile(values, tails(count), axis=0)


@pytest.mark.parametrize("sentences", [20, 60])
def test_nine_of_ten_intervals_of_a_difference_hold_the_truth(sentences):
    rng = np.random.default_rng(7)
    words, a, b = experiments(sentences, rng)
    many_words, many_a, many_b = experiments(400, np.random.default_rng(8))
    truth = (many_b.sum() - many_a.sum()) / many_words.sum()
    drawn = weights(sentences, draws=1000)
    low, high = quantiles((drawn @ (b - a).T) / (drawn @ words.T), sentences)
    inside = ((low <= truth) & (truth <= high)).mean()
    assert 0.87 <= inside <= 0.93


def test_and_of_one_models_own_rate():
    words, a, _ = experiments(60, np.random.default_rng(9))
    many_words, many_a, _ = experiments(400, np.random.default_rng(10))
    drawn = weights(60, draws=1000)
    low, high = quantiles((drawn @ a.T) / (drawn @ words.T), 60)
    truth = many_a.sum() / many_words.sum()
    assert 0.87 <= ((low <= truth) & (truth <= high)).mean() <= 0.93


def test_the_simulation_measures_what_the_function_does():
    """The simulation above is vectorised; this ties it to `difference` itself."""
    words, a, b = (part[0] for part in experiments(60, np.random.default_rng(7)))
    drawn = weights(60)
    low, high = quantiles((drawn @ (b - a)) / (drawn @ words), 60)
    found = difference(Sums(a.astype(float), words.astype(float)), Sums(b.astype(float), words.astype(float)))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.value == pytest.approx((b.sum() - a.sum()) / words.sum())


def test_pairing_narrows_the_interval():
    words, a, b = (part[0].astype(float) for part in experiments(60, np.random.default_rng(1)))
    paired = difference(Sums(a, words), Sums(b, words))
    order = np.random.default_rng(2).permutation(60)
    unpaired = difference(Sums(a, words), Sums(b[order], words[order]))
    assert paired.half < unpaired.half


def test_same_figures_same_interval_and_nothing_changed_means_nothing_wide():
    pairs = [(i % 3, 6) for i in range(40)]
    assert interval(Sums.of(pairs)) == interval(Sums.of(pairs))
    same = difference(Sums.of(pairs), Sums.of(pairs))
    assert (same.value, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize(("freedom", "value"), [(5, 2.015), (10, 1.812), (30, 1.697), (120, 1.658)])
def test_students_t_against_printed_tables(freedom, value):
    assert student(0.95, freedom) == pytest.approx(value, abs=0.005)


def test_two_sentences_give_their_whole_range():
    found = interval(Sums.of([(0, 5), (5, 5)]))
    assert (found.low, found.high) == (0, 1)


def test_a_pair_needs_both_sides():
    with pytest.raises(ValueError, match="2 sentences against 1"):
        difference(Sums.of([(0, 1), (1, 1)]), Sums.of([(0, 1)]))
