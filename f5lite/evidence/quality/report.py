"""A page to listen with: the verdicts, then players for the sentences in which the two systems differ most.

One HTML file with everything in it; it opens without a server, and nothing in it comes from the network.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

from f5lite.evidence.quality.metrics import METRICS
from f5lite.evidence.quality.rendering import Shelf
from f5lite.evidence.quality.result import Result
from f5lite.evidence.quality.run import Row

STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}caption{text-align:left}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #8886;vertical-align:top}
audio{width:15rem;max-width:100%}.heard{opacity:.8}.worse{font-weight:600}"""


def differing(rows: Sequence[Row], count: int) -> list[Row]:
    """The rows where B lost or gained most words, then those that sound least alike."""

    def size(row: Row) -> tuple[float, float]:
        words = abs(row["b"]["wrong"] - row["a"]["wrong"]) / row["a"]["words"]
        return words, row["pair"].get("cepstral", 0.0)

    return sorted(rows, key=size, reverse=True)[:count]


def page(result: Result, rows: Sequence[Row], shelf: Shelf, count: int = 12) -> str:
    """The page as one string."""
    shown = differing(rows, count)
    figures = "".join(_figure(figure) for figure in result.figures)
    players = "".join(_player(row, shelf) for row in shown)
    a, b, model = (html.escape(text) for text in (result.a, result.b, result.model))
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{a} against {b}</title><style>{STYLE}</style>
<h1>Can you hear the difference?</h1>
<p>A is <code>{a}</code>, B is <code>{b}</code>; {result.asked}: {html.escape(", ".join(result.voices))}.
Measured on {model}: the verdicts hold for it. Intervals hold the true value in 9 of 10 cases.</p>
<table><caption>What was measured</caption>
<thead><tr><th>Figure<th>A<th>B<th>B − A<th>Verdict<th>Source</thead><tbody>{figures}</tbody></table>
<h2>Where they differ most</h2>
<p>{len(shown)} of {len(rows)} renderings, the largest difference in words first.</p>
<table><thead><tr><th>Sentence<th>A<th>B</thead><tbody>{players}</tbody></table></html>"""


def _figure(figure) -> str:
    metric = METRICS[figure.metric]
    unit = "%" if metric.name == "wer" else metric.unit

    def cell(value, sign: str = "") -> str:
        if value is None:
            return "<td>–"
        low, middle, high = (f"{x:{sign}.{metric.digits}f}" for x in (value.low, value.value, value.high))
        return f"<td>{middle}<br><small>{low} … {high}</small>"

    title = f"<td>{html.escape(metric.title)}<br><small>{unit}, {metric.better} is better</small>"
    mark = ' class="worse"' if figure.status == "worse" else ""
    pair = figure.a is None
    change = "<td>–" if pair else cell(figure.change, "+")
    both = cell(figure.change) + "<td>(one figure for the pair)" if pair else cell(figure.a) + cell(figure.b)
    source = f"<td><small>{html.escape(metric.source)}</small>"
    return f"<tr>{title}{both}{change}<td{mark}>{html.escape(figure.verdict) or '–'}{source}"


def _player(row: Row, shelf: Shelf) -> str:
    job, cells = row["job"], ""
    for side, key in zip("ab", row["keys"], strict=True):
        figures = row[side]
        heard = html.escape(figures["heard"]) or "(nothing)"
        cells += (
            f"<td>{_audio(shelf, key, f'{side.upper()}: {job.text}')}<br><span class='heard'>heard: {heard}</span>"
            f"<br><small>{figures['wrong']} of {figures['words']} words wrong</small>"
        )
    return (
        f"<tr><td>{html.escape(job.text)}<br><small>{html.escape(job.voice)}, seed {job.seed}</small>{cells}"
    )


def _audio(shelf: Shelf, key: str, label: str) -> str:
    import soundfile

    wave, rate = shelf.wave(key)
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format="WAV", subtype="PCM_16")
    data = base64.b64encode(buffer.getvalue()).decode()
    name = html.escape(label, quote=True)
    return f'<audio controls preload="none" aria-label="{name}" src="data:audio/wav;base64,{data}"></audio>'
