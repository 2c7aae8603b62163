"""`f5lite check` as a picture: each finding with its state, and the command that mends it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from f5lite.check import Finding, check, ready
from f5lite.lab.figure import Shown

WORDS = {"ok": ("yes", "fine"), "note": ("perhaps", "note"), "fail": ("no", "mend")}


@dataclass(repr=False)
class Readiness(Shown):
    """The findings about this machine. Packages that are as they should be are one line together."""

    findings: list[Finding]

    @property
    def ready(self) -> bool:
        """Whether nothing stops the course here."""
        return ready(self.findings)

    @property
    def headline(self) -> str:
        """The result in a sentence, in numbers of what is listed."""
        rows = self.rows()
        counts = Counter(one.status for one in rows)
        if not self.ready:
            return f"Not yet: {counts['fail']} of {len(rows)} points must be mended first."
        if not counts["note"]:
            return f"Ready: all {len(rows)} points are fine."
        verb = "has a note" if counts["note"] == 1 else "have notes"
        return f"Ready: {counts['ok']} of {len(rows)} points are fine, {counts['note']} {verb}."

    def rows(self) -> list[Finding]:
        """What is listed: everything but packages in order, which only their number stands for."""
        quiet = [f for f in self.findings if f.status == "ok" and "(needs " in f.found and f.name != "Python"]
        shown = [one for one in self.findings if one not in quiet]
        if quiet:
            shown.append(Finding("packages", "ok", f"{len(quiet)} installed in versions that fit"))
        return shown

    def html(self) -> str:
        rows = "".join(
            f'<li><span class="f5-pill f5-{WORDS[one.status][0]}">{WORDS[one.status][1]}</span> '
            f"<b>{escape(one.name)}</b> <span>{escape(one.found)}"
            + (f"<br><small>To mend it: <code>{escape(one.mend)}</code></small>" if one.mend else "")
            + "</span></li>"
            for one in self.rows()
        )
        return (
            '<section class="f5 f5-card" aria-label="Is this machine ready?">'
            f'<div class="f5-label">Is this machine ready?</div><p class="f5-say"><b>{escape(self.headline)}</b></p>'
            f'<ul class="f5-found f5-ready-list">{rows}</ul></section>'
        )

    def plain(self) -> str:
        return "\n".join([self.headline, *(str(one) for one in self.rows())])


def readiness() -> Readiness:
    """Check this machine, as `f5lite check` does on the command line."""
    return Readiness(check())
