"""`f5lite check` as a picture: each finding with its state, and the command that mends it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from f5lite.check import Finding, check, ready
from f5lite.lab.figure import Shown

WORDS = {"ok": ("yes", "ready"), "note": ("perhaps", "note"), "fail": ("no", "mend")}


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
        """The result in a sentence."""
        counts = Counter(one.status for one in self.findings)
        if not self.ready:
            return f"{counts['fail']} of {len(self.findings)} findings must be mended first."
        notes = f", {counts['note']} with a note" if counts["note"] else ""
        return f"Ready: {len(self.findings)} findings{notes}."

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
            f"<b>{escape(one.name)}</b> {escape(one.found)}"
            + (f" <small>→ {escape(one.mend)}</small>" if one.mend else "")
            + "</li>"
            for one in self.rows()
        )
        return (
            '<section class="f5 f5-card" aria-label="Is this machine ready?">'
            f'<div class="f5-label">Is this machine ready?</div><p class="f5-say"><b>{escape(self.headline)}</b></p>'
            f'<ul class="f5-found">{rows}</ul></section>'
        )

    def plain(self) -> str:
        return "\n".join([self.headline, *(str(one) for one in self.rows())])


def readiness() -> Readiness:
    """Check this machine, as `f5lite check` does on the command line."""
    return Readiness(check())
