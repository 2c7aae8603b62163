"""Any text at all: a wave of sane length without a value that is no number, or a refusal that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import f5lite
from f5lite.errors import F5liteError
from f5lite.model.tokens import chunks

USUAL = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # a failure in CI is one that a developer sees, too
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
ANY = st.text(max_size=120)
WORDS = st.lists(
    st.sampled_from("hello, there. you 12 don't é 你好。 ?! \n\t — ok".split(" ")), max_size=40
).map(" ".join)


@pytest.fixture(scope="module")
def pipeline(small_model: Path) -> f5lite.Pipeline:
    return f5lite.load(small_model)


def most_seconds(pipeline: f5lite.Pipeline, text: str) -> float:
    """By the duration rule: the reference's pace a byte, 0.3 of the speed for short pieces; a frame a symbol at least."""
    reference = pipeline.reference("kumo")
    pace = reference.samples / 24000 / len(reference.text.encode())
    symbols = len(pipeline.files.vocabulary.symbols(text))
    return pace * len(text.encode()) / 0.3 + (symbols + len(text) + 2) / 93.75


@USUAL
@given(
    text=ANY | WORDS,
    steps=st.integers(1, 3),
    seed=st.integers(0, 2**63 - 1),
    guidance=st.sampled_from([0.0, 2.0]),
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    until=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_any_text_speaks_or_is_refused(
    pipeline: f5lite.Pipeline,
    text: str,
    steps: int,
    seed: int,
    guidance: float,
    temperature: float,
    until: float,
) -> None:
    how = {"steps": steps, "guidance": guidance, "guided_until": until, "temperature": temperature}
    try:
        spoken = pipeline.speak(text, seed=seed, **how)
    except F5liteError as error:
        known = [
            s for s in pipeline.files.vocabulary.symbols(text) if s.isascii() and s.isalnum() and len(s) == 1
        ]
        assert not known, f"{text!r} has letters of the model and is refused: {error}"
        return
    assert spoken.wave.ndim == 1 and spoken.wave.dtype == np.float32
    assert np.isfinite(spoken.wave).all() and np.isfinite(spoken.mel).all()
    assert 0 < spoken.duration <= most_seconds(pipeline, text)
    assert spoken.text == text


@USUAL
@given(
    text=ANY | WORDS | st.text(alphabet="ab. ,你。", max_size=400),
    most=st.integers(1, 200),
    longest=st.integers(4, 300),
)
def test_chunks_keep_every_letter_and_their_limit(text: str, most: int, longest: int) -> None:
    pieces = chunks(text, most, longest)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for piece in pieces:
        assert len(piece.encode()) <= max(most, longest)


@settings(USUAL, max_examples=8)
@given(text=WORDS.filter(lambda text: "hello" in text), seed=st.integers(0, 1000))
def test_streamed_chunks_are_the_whole(pipeline: f5lite.Pipeline, text: str, seed: int) -> None:
    parts = list(pipeline.stream(text, steps=1, seed=seed))
    whole = pipeline.speak(text, steps=1, seed=seed)
    assert np.array_equal(np.concatenate([part.mel for part in parts]), whole.mel)
    overlap = sum(min(3600, len(part.wave)) for part in parts[1:])
    assert (
        sum(len(part.wave) for part in parts) - overlap
        <= len(whole.wave)
        <= sum(len(part.wave) for part in parts)
    )


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, True, "7"])
def test_steps_that_are_none(pipeline: f5lite.Pipeline, steps: object) -> None:
    with pytest.raises(F5liteError, match="steps"):
        pipeline.speak("hello", steps=steps)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "?!", "你好", "…"])
def test_texts_without_a_letter_of_the_model(pipeline: f5lite.Pipeline, text: str) -> None:
    with pytest.raises(F5liteError):
        pipeline.speak(text, steps=1)


def test_a_word_of_two_thousand_letters_is_spoken_in_pieces(pipeline: f5lite.Pipeline) -> None:
    """Without a mark to cut at: memory must not grow with it."""
    lengths = [len(part.text.encode()) for part in pipeline.stream("la" * 1000, steps=1, seed=0)]
    assert sum(lengths) == 2000 and max(lengths) < 600
