"""An estimate of what listeners would say: DNSMOS P.835, overall, 1 to 5 (Reddy et al., arXiv 2110.01763).

The network was made for noisy calls; it ranks artefacts, it doesn't know whether the words are right.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from f5lite.errors import F5liteError
from f5lite.evidence.quality.packages import folder_of

RATE, SAMPLES = 16_000, int(9.01 * 16_000)
OVERALL = (-0.06766283, 1.11546468, 0.04602535)  # the authors' polynomial for the overall score
INSTALL = "pip install onnxruntime && pip install --no-deps speechmos"


def available() -> bool:
    """True if the weights and a runtime for them are installed."""
    folder = folder_of("speechmos")
    there = folder is not None and (folder / "dnsmos_models" / "sig_bak_ovr.onnx").is_file()
    return there and importlib.util.find_spec("onnxruntime") is not None


class Listener:
    """Runs the network; loading takes a tenth of a second."""

    def __init__(self, threads: int = 1):
        if not available():
            raise F5liteError(f"an opinion score needs onnxruntime and speechmos; run: {INSTALL}")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = folder_of("speechmos") / "dnsmos_models" / "sig_bak_ovr.onnx"
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def score(self, wave: np.ndarray, rate: int) -> float:
        """Overall quality, 1 to 5. Short speech is repeated until it fills the network's 9 seconds."""
        import soxr

        wave = soxr.resample(np.asarray(wave, np.float32), rate, RATE)
        if len(wave) < SAMPLES:
            wave = np.resize(wave, SAMPLES)  # end to end; more windows would only hear the same again
        starts = range(0, max(1, int(len(wave) / RATE - 9.01) + 1))
        raw = [
            self.session.run(None, {"input_1": wave[None, s * RATE : s * RATE + SAMPLES]})[0][0][2]
            for s in starts
        ]
        return float(np.mean(np.polyval(OVERALL, raw)))
