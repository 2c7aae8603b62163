"""Progress and readiness: what they say, without a page."""

from __future__ import annotations

import pytest

from f5lite import lab
from f5lite.check import Finding
from f5lite.lab.readiness import Readiness


def test_it_counts_and_never_passes_the_end() -> None:
    with lab.progress("speaking", 3) as bar:
        bar()
        assert bar.words().startswith("speaking: 1 of 3")
        bar(5)
        assert bar.count == 3 and 'value="3"' in bar.html()
        bar.at(2, 8)  # the package's own callbacks know another total
        assert bar.words().startswith("speaking: 2 of 8")
    with pytest.raises(ValueError, match="at least one step"):
        lab.progress("nothing", 0)


def test_readiness_says_what_to_mend() -> None:
    good = [Finding("torch", "ok", "2.13 (needs >=2.6)"), Finding("numpy", "ok", "2.4 (needs >=1.26)")]
    fine = Readiness([*good, Finding("compiler", "note", "none", "apt install g++")])
    assert fine.ready and fine.headline == "Ready: 1 of 2 points are fine, 1 has a note."
    assert [one.name for one in fine.rows()] == ["compiler", "packages"] and "apt install g++" in fine.html()
    bad = Readiness([*good, Finding("anywidget", "fail", "missing", "pip install anywidget")])
    assert not bad.ready and bad.headline.startswith("Not yet: 1 of 2 points must be mended")
    assert "pip install anywidget" in bad.plain() and "missing" in bad.plain()
