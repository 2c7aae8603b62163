"""The rows as Markdown: passes, lengths and threads, utterances, limits of the machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import report, roofline
from benchmarks.rows import Row
from benchmarks.variants import FP32

HEAD = "seconds | spread | × fp32 | peak RSS MB | of it anonymous MB | error %"


def number(value: float | None, digits: int = 3) -> str:
    """Three digits that mean something; a dash where nothing was measured."""
    if value is None:
        return "–"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def ratio(row: Row) -> str:
    if row.ratio is None:
        return "–"
    middle, low, high = row.ratio
    return f"{middle:.2f} ({low:.2f} to {high:.2f})" if row.repeats > 1 else f"{middle:.2f}"


def figures(row: Row) -> list[str]:
    error = None if row.relative_error is None else 100 * row.relative_error
    return [
        number(row.median_s), number(row.spread_s), ratio(row), number(row.peak_rss_mb), number(row.peak_anonymous_mb),
        number(error, 2),
    ]  # fmt: skip


def rank(row: Row) -> tuple[bool, float, float, str]:
    """By what was gained over fp32 in the same rounds, since some rounds are slower for all; what has no ratio comes first."""
    return row.median_s is None, -row.ratio[0] if row.ratio else -1e9, row.median_s or 0.0, row.variant


def results(rows: Sequence[Row]) -> list[str]:
    """A table of rows with the fastest first; what couldn't be measured at the end, with the reason."""
    lines = [line(["variant", *HEAD.split(" | ")]), line(["---", *["---:"] * 6])]
    for row in sorted(rows, key=rank):
        name = f"**{row.variant}**" if row.family == "f5lite" else row.variant
        if row.unavailable:
            lines.append(line([name, f"unavailable: {plain(row.unavailable)}", *[""] * 5]))
        else:
            lines.append(line([name + (" \\*" if row.note else ""), *figures(row)]))
    notes = dict.fromkeys(f"{row.variant}: {row.note}" for row in rows if row.note)
    return [*lines, "", *(f"\\* {plain(note)}  " for note in notes), *([""] if notes else [])]


def plain(text: str) -> str:
    """A reason without what would break a Markdown table."""
    return " ".join(text.replace("|", "/").split())


def grid(rows: Sequence[Row]) -> list[str]:
    """Cost against length and threads: seconds of a pass, ms a frame, what a second thread gains."""
    passes = {row.key: row for row in rows if row.work == "pass" and row.median_s}
    names = [name for name in dict.fromkeys(row.variant for row in passes.values())
             if len({row.frames for row in passes.values() if row.variant == name}) > 1]  # fmt: skip
    if not names:
        return []
    lines = [line(["variant", "frames", "1 thread, s", "2 threads, s", "gain", "ms a frame (2 threads)"]),
             line(["---", *["---:"] * 5])]  # fmt: skip
    for name in names:
        for frames in sorted({row.frames for row in passes.values() if row.variant == name}):
            found = {
                row.threads: row.median_s
                for row in passes.values()
                if (row.variant, row.frames) == (name, frames)
            }
            one, two = found.get(1), found.get(2)
            gain = f"{one / two:.2f} ×" if one and two else "–"
            lines.append(
                line(
                    [
                        name,
                        str(frames),
                        number(one),
                        number(two),
                        gain,
                        number(1000 * two / frames if two else None),
                    ]
                )
            )
    return lines


def parts(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What of a pass is what, by length and threads."""
    kinds = ("products", "attention", "convolutions", "rest")
    lines = [
        line(["variant", "frames", "threads", *(f"{kind} %" for kind in kinds)]),
        line(["---", *["---:"] * 6]),
    ]
    for one in sorted(found, key=lambda each: (each["variant"], each["threads"], each["frames"])):
        lines.append(
            line(
                [
                    one["variant"],
                    str(one["frames"]),
                    str(one["threads"]),
                    *(number(one["parts"][k], 2) for k in kinds),
                ]
            )
        )
    return lines if found else []


def ceiling(limits: Mapping[str, Any], places: Sequence[roofline.Place]) -> list[str]:
    """The machine's limits and how near each pass comes."""
    lines = [line(["limit", "at most", "by"]), line(["---", "---:", "---"])]
    for kind in ("fp32", "bf16", "int8"):
        one = limits.get(kind)
        lines.append(
            line(
                [
                    f"{kind} products",
                    f"{one['rate'] / 1e9:,.0f} GOPS" if one else "–",
                    one["by"] if one else "",
                ]
            )
        )
    lines.append(line(["copying memory", f"{limits['copy_bytes'] / 1e9:.1f} GB/s", "read and written"]))
    lines += ["", line(["variant", "format", "GOPS", "% of its limit", "least s by products", "least s by reading weights"]),
              line(["---", "---", *["---:"] * 4])]  # fmt: skip
    for place in places:
        lines.append(
            line(
                [
                    place.variant,
                    place.format,
                    number(place.rate / 1e9),
                    number(place.percent, 2),
                    number(place.least_by_products),
                    number(place.least_by_memory, 2),
                ]
            )  # fmt: skip
        )
    if any(place.percent > 100 for place in places):
        lines += ["", "Over 100 %: the library computes in another format than its name says, likely bf16."]
    return lines


def at_limits(
    whole: Mapping[str, Any], rows: Sequence[Row], frames: int
) -> tuple[Mapping[str, Any], list[roofline.Place]]:
    """The limits on the most threads, and every pass's place under them."""
    if not whole["roofline"]:
        return {}, []
    limits = whole["roofline"][max(whole["roofline"], key=int)]
    operations = whole["operations"].get(str(frames), 0)
    return limits, roofline.places(rows, limits, operations, whole["pass_weights"], frames)


def middle(rows: Sequence[Row]) -> tuple[int, int]:
    """(frames, threads) at which all variants are compared: 512 and the most, where they were measured."""
    passes = [row for row in rows if row.work == "pass"]
    lengths = [row.frames for row in passes]
    return (512 if 512 in lengths else max(lengths, default=512)), max(
        (row.threads for row in passes), default=1
    )


def markdown(whole: Mapping[str, Any], before: Sequence[Row] = ()) -> str:
    """The whole table as a page."""
    rows = [Row.from_dict(each) for each in whole["rows"]]
    card = whole["machine"]
    frames, threads = middle(rows)
    out = [
        "<!-- made by `make bench`; don't edit -->",
        f"Measured {whole['written'][:10]} on {card['processor']}, {card['cores']} cores "
        f"({', '.join(card['instruction_sets']) or 'no vector sets known'}), "
        f"torch {card['torch']}, Python {card['python']}. Model: {whole['model']}. {whole['note']}".strip(),
        "",
        f"## One pass, {frames} frames, {threads} thread{'s' * (threads > 1)}",
        "",
        *results(
            [row for row in rows if row.work == "pass" and (row.frames, row.threads) == (frames, threads)]
        ),
    ]
    speaking = [row for row in rows if row.work in ("utterance", "stated")]
    if len(speaking) > len(report.STATED):
        out += ["## A whole utterance, text to wave", "", *results(speaking)]
    if lines := grid(rows):
        out += ["## Against length and threads", "", *lines, ""]
    if lines := parts(whole["parts"]):
        out += ["## What a pass is made of", "", *lines, ""]
    limits, places = at_limits(whole, rows, frames)
    if limits:
        out += ["## What the machine can do at most", "", *ceiling(limits, places), ""]
    out += [
        "## In a sentence each",
        "",
        *(f"- {one}" for one in report.summary(rows, before).splitlines()),
        "",
    ]
    both = report.agreement(rows, before)
    if both:
        out += [
            "## Run twice",
            "",
            line(["variant", "work", "× fp32 before", "× fp32 now", "agree"]),
            line(["---"] * 5),
        ]
        out += [
            line([row.variant, row.work, ratio(other), ratio(row), "yes" if same else "no"])
            for row, other, same in both
        ]
        out.append("")
    return "\n".join(out)


def named(rows: Sequence[Row], name: str = FP32) -> Row | None:
    return next((row for row in rows if row.variant == name and row.median_s), None)
