"""The ladder as a table for a terminal, and the words that every form of it shares."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from f5lite.evidence.ladder.judging import Aim
from f5lite.evidence.ladder.result import Ladder, Row
from f5lite.evidence.ladder.rungs import UPSTREAM
from f5lite.evidence.verdict import Verdict
from f5lite.evidence.wording import number

COLUMNS = (
    "rung",
    "peak, loading (MB)",
    "peak, speaking (MB)",
    "of it anonymous",
    "seconds",
    "against upstream",
    "s per s of speech",
    "CPU s",
    "file (MB)",
    "words misheard (%)",
    "smallest cap survived",
)


SHORT = (
    "rung",
    "loading",
    "speaking",
    "anonymous",
    "seconds",
    "vs upstream",
    "s/s",
    "CPU s",
    "file",
    "misheard %",
    "survives",
)
HEARD = (
    "Words misheard: from the bundled voice, by a speech recogniser; in brackets where the difference from fp32 at 7 steps "
    "puts them (90 %)."
)
NOT_HEARD = "Words misheard: not measured for this model; `f5lite quality MODEL MODEL@int8,7` does it."


def cells(row: Row, ladder: Ladder) -> tuple[str, ...]:
    """One rung as text, in the order of `COLUMNS`. A rung without figures has dashes; its reason stands below."""
    heard = row.heard
    wer = (
        f"{number(heard.wer, 2)} ({number(heard.low, 2)}–{number(heard.high, 2)})"
        if heard
        else "not measured"
    )
    size = "–" if row.file_mb is None else number(row.file_mb)
    if not row.measured:
        return (row.rung.title, row.status, *("–",) * 6, size, wer, lives(row))
    seconds = row.utterance or 0.0
    cpu = row.whole_cpu if row.whole_cpu is not None else median(row.cpu)
    return (
        row.rung.title,
        number(median(row.loading_rss)),
        number(median(row.speaking_rss)),
        number(median(row.peak_anonymous)),
        f"{number(seconds)}{'' if row.whole is not None else ' c'}",
        against(row, ladder),
        number(seconds / ladder.speech, 2),
        number(cpu),
        size,
        wer,
        lives(row),
    )


def against(row: Row, ladder: Ladder) -> str:
    """Time and memory against upstream's: "−71 % / −83 %"; turn by turn, so both have the same neighbours."""
    theirs = ladder.row(UPSTREAM)
    if row.rung.theirs or theirs is None or not theirs.measured:
        return "–"

    def change(before: Sequence[float], after: Sequence[float]) -> str:
        ratio = (
            median(y / x for x, y in zip(before, after, strict=True))
            if len(before) == len(after)
            else median(after) / median(before)
        )
        size = f"{abs(1 - ratio) * 100:.0f}"
        sign = "" if size == "0" else "\N{MINUS SIGN}" if ratio < 1 else "+"
        return f"{sign}{size} %"

    return f"{change(theirs.seconds, row.seconds)} / {change(theirs.speaking_rss, row.peak_rss)}"


def lives(row: Row) -> str:
    """The smallest cap that a request survived, "256 MB"; or the largest, which it didn't."""
    if not row.survives:
        return "–"
    lived = [megabytes for megabytes, survived in row.survives.items() if survived]
    if lived:
        return f"{min(lived)} MB"
    return f"not {max(row.survives)} MB"


def notes(ladder: Ladder) -> list[str]:
    """What a reader of the table needs to know, in sentences."""
    found = [
        f"{ladder.model['shape']}; {ladder.model['weights']}.",
        "Memory: peak RSS while loading and while speaking, and the anonymous part of it at its peak; MB (10^6 bytes) over "
        "the process with its imports done.",
        f"Seconds: one utterance of {number(ladder.speech)} s of speech, loading not included; c: computed from passes, the "
        "others by the clock. s/s: seconds of work for a second of speech.",
        "Against upstream: time / peak memory, ours with loading, upstream's while speaking.",
        HEARD if ladder.model["heard"] else NOT_HEARD,
    ]
    if ladder.model["note"]:
        found.insert(1, str(ladder.model["note"]))
    caps = sorted({megabytes for row in ladder.rows for megabytes in row.survives}, reverse=True)
    kinds = dict.fromkeys(row.cap_kind for row in ladder.rows if row.cap_kind)
    if kinds and caps:
        found.append(
            f"Caps of {', '.join(map(str, caps))} MB over imports, one request under each, enforced by {' and '.join(kinds)}."
        )
    waiting = [row.rung.title for row in ladder.rows if row.status == "waiting"]
    if waiting:
        found.append(f"Not measured yet: {', '.join(waiting)}.")
    for row in ladder.rows:
        if row.why and row.status != "waiting":
            found.append(f"{row.rung.title} {row.why}.".replace("..", "."))
        found += [f"{row.rung.title}: {note}" for note in row.notes]
    return found


def plain(ladder: Ladder, verdicts: Sequence[Verdict] = (), aims: Sequence[Aim] = ()) -> str:
    """For a terminal: the table, its notes, and the verdicts."""
    lines = [SHORT, *(cells(row, ladder) for row in ladder.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(SHORT))]
    text = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    text += ["", *notes(ladder)]
    if aims:
        text += ["", "Against upstream:"]
        text += [f"  {aim.words} {aim.verdict.outcome}: {aim.verdict.sentence}" for aim in aims]
    if verdicts:
        width = max(len(verdict.claim) for verdict in verdicts)
        text += ["", "The article's claims:"]
        text += [f"  {v.claim.ljust(width)}  {v.outcome.ljust(13)}  {v.sentence}" for v in verdicts]
    return "\n".join(text)
