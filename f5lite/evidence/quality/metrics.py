"""What is measured: names, units, which way is better, where the method comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """`better`: "lower" or "higher". `margin`: the difference that a verdict calls small, None where A and B are
    compared directly and there is no verdict. `digits`: decimals worth showing."""

    name: str
    title: str
    unit: str
    better: str
    source: str
    margin: float | None = None
    digits: int = 2


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "wer",
            "Word error rate",
            "points",
            "lower",
            "Whisper tiny.en through faster-whisper, beam 1; numbers as words; counted by jiwer",
            1.0,
            1,
        ),
        Metric(
            "similarity",
            "Similarity to the reference voice",
            "cosine",
            "higher",
            "GE2E speaker embedding (Wan et al. 2018), weights from the resemblyzer package",
            0.02,
            3,
        ),
        Metric(
            "opinion",
            "Estimated opinion score",
            "of 5",
            "higher",
            "DNSMOS P.835 overall (Reddy et al. 2022), weights from the speechmos package",
            0.1,
            2,
        ),
        Metric(
            "same_voice",
            "Similarity of A to B",
            "cosine",
            "higher",
            "the same embedding, both renderings of one seed",
            digits=3,
        ),
        Metric(
            "cepstral",
            "Mel-cepstral distance of A and B",
            "dB",
            "lower",
            "Kubichek 1993 on the 100 log mels, 13 coefficients without the first, frame by frame",
        ),
        Metric(
            "spectral",
            "Log-spectral distance of A and B",
            "dB",
            "lower",
            "root mean square over 513 bins of 20 log10 magnitude, floor −80 dB, mean over frames",
        ),
    )
}
BETWEEN = ("same_voice", "cepstral", "spectral")  # figures of a pair, not of one model
