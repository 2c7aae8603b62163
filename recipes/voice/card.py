"""The table as text, and into the card between two marks; the words around it are written by hand."""

from __future__ import annotations

from pathlib import Path

from f5lite.errors import F5liteError
from f5lite.files import write_atomically

BEGIN, END = "<!-- figures: python -m recipes.voice.evaluate -->", "<!-- end of figures -->"


def shown(value: dict, digits: int = 1, sign: str = "") -> str:
    """ "12.3 (10.1 to 14.6)"."""
    middle, low, high = (f"{value[key]:{sign}.{digits}f}" for key in ("value", "low", "high"))
    return f"{middle} ({low} to {high})"


def markdown(found: dict) -> str:
    """Tables of word errors, voices and vocoder; 90 % intervals by bootstrap over sentences."""
    lines = [
        f"Voices {', '.join(found['voices'])}; guidance {found['guidance']:g}. "
        "In brackets: 90 % intervals, bootstrap over sentences. Recogniser: Whisper tiny.en.",
        "",
        "| word error rate | % | sentences |",
        "|---|---|---|",
        *(f"| {name} | {shown(value)} | {value['count']} |" for name, value in found["errors"].items()),
    ]
    if found.get("similarity"):
        names = list(found["similarity"])
        lines += [
            "",
            "Mean cosine of cloned speech (row) to the reference clips (column); the own one should be highest:",
            "",
            "| cloned | " + " | ".join(found["voices"]) + " |",
            "|---" * (len(found["voices"]) + 1) + "|",
        ]
        for name in names:
            row = found["similarity"][name]
            cells = [f"**{row[v]:.3f}**" if v == name else f"{row[v]:.3f}" for v in found["voices"]]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", *vocoder_lines(found["vocoder"])]
    lines += [f"- Not measured: {what} ({why})" for what, why in found["missing"].items()]
    return "\n".join(lines)


def vocoder_lines(found: dict) -> list[str]:
    """The vocoder beside Griffin-Lim."""
    ours, other, change = found["vocos"], found["griffin-lim"], found["difference"]
    rows = [
        ("log-spectral distance, dB", "distance", 2),
        ("word error rate, %", "wer", 1),
        ("estimated opinion score, of 5", "opinion", 2),
    ]
    lines = [
        f"Mels of {found['recordings']} recordings ({found['origin']}) back to sound:",
        "",
        "| | this vocoder | Griffin-Lim, 60 iterations | difference |",
        "|---|---|---|---|",
    ]
    for title, key, digits in rows:
        if key in ours:
            cells = (shown(ours[key], digits), shown(other[key], digits), shown(change[key], digits, "+"))
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    faster = other["real_time"] / ours["real_time"]
    lines.append(
        f"| seconds a second of speech | {ours['real_time']:.3f} | {other['real_time']:.3f} | {faster:.1f} × |"
    )
    lines.append(
        f"| peak memory of three seconds, MB over imports | {ours['peak_mb']:.0f} | {other['peak_mb']:.0f} | |"
    )
    return lines


def put(path: Path, found: dict) -> None:
    """Replace what stands between the marks. Raises F5liteError when they aren't there."""
    try:
        text = path.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
    except (OSError, ValueError, IndexError) as problem:
        raise F5liteError(
            f"{path} has no place for the figures: it needs the lines {BEGIN!r} and {END!r}"
        ) from problem
    write_atomically(path, f"{before}{BEGIN}\n{markdown(found)}\n{END}{after}")
