"""The ladder as one HTML page that stands alone: no network, no script, readable on a phone, in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.ladder.judging import Aim, own_words
from f5lite.evidence.ladder.result import Ladder, Row
from f5lite.evidence.ladder.table import COLUMNS, against, cells, notes
from f5lite.evidence.verdict import Verdict
from f5lite.evidence.wording import number

STYLE = """
:root{color-scheme:light dark;--ink:#1c2230;--soft:#586174;--line:#dfe3ea;--paper:#fff;--card:#f6f7f9;
--one:#1d61a0;--two:#b9501a;--yes:#0b6b56;--no:#a1321f;--perhaps:#6b4a00}
@media (prefers-color-scheme:dark){:root{--ink:#eceef2;--soft:#a9b1bf;--line:#3a404b;--paper:#111315;--card:#1b1e23;
--one:#80b1f2;--two:#f29151;--yes:#2fd2aa;--no:#ff9a85;--perhaps:#f4c845}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem 1rem 3rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
h1{font-size:clamp(1.6rem,5vw,2.4rem);line-height:1.15;margin:.2rem 0 .6rem}
h2{font-size:1.25rem;margin:2.4rem 0 .6rem}
p,li{max-width:68ch}.lead{font-size:1.1rem}.soft,small,caption,figcaption{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.5rem}
th,td{padding:.45rem .6rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
th:first-child,td:first-child,.claims td,.claims th{text-align:left}
thead th{font-size:.82rem;font-weight:600;color:var(--soft);vertical-align:bottom}
tbody th{font-weight:600}
tbody th small{display:block;font-weight:400}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem 3rem;align-items:end}
figure{margin:1rem 0}figcaption{margin-bottom:.6rem}svg{width:100%;height:auto;display:block}
svg text{fill:var(--ink);font:15px system-ui,sans-serif}svg .quiet{fill:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.8rem;padding:0;list-style:none}
.cards li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.word{display:inline-block;font-weight:650;border-bottom:2px solid}
.yes{color:var(--yes)}.no{color:var(--no)}.perhaps{color:var(--perhaps)}
@media (max-width:52rem){
 .stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
 .stack,.stack tbody,.stack tr,.stack td,.stack th,.stack caption{display:block;width:100%}
 .stack tr{border:1px solid var(--line);border-radius:10px;margin:.7rem 0;padding:.4rem .2rem;background:var(--card)}
 .stack th,.stack td{border:0;padding:.2rem .7rem;text-align:left}
 .stack td{display:flex;justify-content:space-between;gap:1rem;text-align:right}
 .stack td::before{content:attr(data-label);color:var(--soft);text-align:left}
 .claims td{display:block;text-align:left}.claims td::before{content:none}
}
@media print{body{max-width:none}}
"""
WORDS = {"holds": "yes", "exceeded": "yes", "does not hold": "no", "can't tell": "perhaps"}


def page(ladder: Ladder, verdicts: Sequence[Verdict], aims: Sequence[Aim] = ()) -> str:
    """The page as one string."""
    machine = ladder.machine
    processor = escape(str(machine.get("processor", "this machine")))
    plural = "" if machine.get("cores") == 1 else "s"
    memory = f"{float(machine.get('memory_limit_bytes') or 0) / 1e9:.0f} GB"
    unfinished = (
        "" if ladder.complete else "<p><strong>Unfinished: some of it is not measured yet.</strong></p>"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>The ladder: F5-TTS on {processor}</title><style>{STYLE}</style></head><body><main>
<p class="soft">f5lite · the ladder{" · " + escape(ladder.when[:10]) if ladder.when else ""}</p>
<h1>{escape(headline(ladder))}</h1>
<p class="lead">{processor}, {machine.get("cores")} core{plural}, {memory}; torch {escape(str(machine.get("torch")))}.</p>
{unfinished}
{_aims(aims)}
<h2>Rung by rung</h2>
<div class="charts">{bars(ladder, "speaking", "Peak memory of a request, MB over imports")}
{bars(ladder, "seconds", "Time of one utterance, seconds")}</div>
{_table(ladder)}
<ul>{"".join(f"<li><small>{escape(note)}</small></li>" for note in notes(ladder))}</ul>
<h2>The article's claims</h2>
{_claims(verdicts, ladder)}
<h2>How it was measured</h2>
<p>Every rung spoke in processes of its own, in turns ({turns(ladder)}). Memory was sampled from outside a hundred times a
second, and the kernel's own peak was read beside it. Repeat it with <code>f5lite ladder --html FILE</code>.</p>
</main></body></html>
"""


def turns(ladder: Ladder) -> str:
    most = max((len(row.seconds) for row in ladder.rows if row.measured), default=0)
    return {0: "not yet", 1: "once"}.get(most, f"{most} times")


def headline(ladder: Ladder) -> str:
    """The largest change in a line, computed."""
    measured = [row for row in ladder.rows if row.measured and not row.rung.theirs]
    theirs = ladder.row("upstream")
    if not measured or theirs is None or not theirs.measured:
        return "F5-TTS, rung by rung"
    last = measured[-1]
    peaks = median(theirs.speaking_rss), median(last.peak_rss)
    times = theirs.utterance or 0.0, last.utterance or 0.0
    return (
        f"From {number(peaks[0])} to {number(peaks[1])} MB, "
        f"from {number(times[0])} to {number(times[1])} seconds"
    )


def word(outcome: str) -> str:
    """An outcome; its word says it, its colour repeats it."""
    return f'<span class="word {WORDS[outcome]}">{escape(outcome)}</span>'


def together(text: str) -> str:
    """Escaped, a figure kept on one line with its sign."""
    return escape(text).replace(" %", "&nbsp;%").replace(" MB", "&nbsp;MB").replace(" c", "&nbsp;c")


def _aims(aims: Sequence[Aim]) -> str:
    if not aims:
        return ""
    items = "".join(
        f"<li>{word(aim.verdict.outcome)}<br><strong>{escape(aim.words)}</strong><br>"
        f"<small>{escape(aim.verdict.sentence)}</small></li>"
        for aim in aims
    )
    return f'<h2>Against upstream</h2><ul class="cards">{items}</ul>'


def _table(ladder: Ladder) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in COLUMNS)
    body = ""
    for row in ladder.rows:
        texts = cells(row, ladder)
        body += f'<tr><th scope="row">{escape(texts[0])}<small>{escape(row.rung.adds)}</small></th>'
        body += "".join(
            f'<td data-label="{escape(name, quote=True)}">{together(text)}</td>'
            for name, text in zip(COLUMNS[1:], texts[1:], strict=True)
        )
        body += "</tr>"
    return (
        '<table class="stack"><caption>Every rung and what it took</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _claims(verdicts: Sequence[Verdict], ladder: Ladder) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(CLAIMS[v.claim].words)}<small lang="zh">{escape(CLAIMS[v.claim].chinese)}</small>'
        f"<small>{escape(v.claim)}</small></th>"
        f"<td>{word(v.outcome)}</td><td>{escape(own_words(v, ladder))}</td></tr>"
        for v in verdicts
    )
    return (
        '<table class="stack claims"><caption>What the figures say about each</caption><thead><tr>'
        '<th scope="col">Claim</th><th scope="col">Verdict</th><th scope="col">Why</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def bars(ladder: Ladder, what: str, title: str) -> str:
    """A bar for each rung, its figure over it; for memory a second, paler one for loading. A rung that failed says so."""
    if not any(row.measured for row in ladder.rows):
        return ""

    def values(row: Row) -> tuple[float, float]:
        if what == "seconds":
            return row.utterance or 0.0, 0.0
        return median(row.speaking_rss), median(row.loading_rss)

    most = max(max(values(row)) for row in ladder.rows if row.measured) or 1.0
    wide, step = 480, 50
    drawn, said = "", []
    for index, row in enumerate(ladder.rows):
        y = index * step
        drawn += f'<text x="0" y="{y + 17}">{escape(row.rung.title)}</text>'
        if not row.measured:
            drawn += (
                f'<text x="{wide}" y="{y + 17}" text-anchor="end" class="quiet">{escape(row.status)}</text>'
            )
            said.append(f"{row.rung.title} {row.status}")
            continue
        main, other = values(row)
        colour = "var(--two)" if row.rung.theirs else "var(--one)"
        for top, height, value, fade in ((24, 11, main, ""), (37, 5, other, ' opacity=".45"')):
            if value:
                length = max(1.5, wide * value / most)
                drawn += f'<rect x="0" y="{y + top}" width="{length:.1f}" height="{height}" rx="2" fill="{colour}"{fade}/>'
        loading = f"; loading {number(other)}" if other else ""
        mark = " c" if what == "seconds" and row.whole is None else ""
        change = against(row, ladder).split(" / ")
        quiet = f"{loading.removeprefix('; ')} " if row.rung.theirs else ""
        quiet += change[what != "seconds"] if len(change) > 1 else ""
        drawn += (
            f'<text x="{wide}" y="{y + 17}" text-anchor="end"><tspan class="quiet">{quiet}</tspan> '
            f'<tspan font-weight="650">{number(main)}{mark}</tspan></text>'
        )
        said.append(f"{row.rung.title} {number(main)}{loading}")
    alt = escape(f"Bar chart. {title}: {'; '.join(said)}.", quote=True)
    thin = " The thin bar is the peak while loading." if what != "seconds" else ""
    return (
        f'<figure><figcaption>{escape(title)}.{thin}</figcaption><svg viewBox="0 0 {wide} {len(ladder.rows) * step}" '
        f'role="img" aria-label="{alt}">{drawn}</svg></figure>'
    )
