"""What ships in the package: every weight and clip is under a checksum, nothing is missing, nothing is large."""

from __future__ import annotations

from f5lite import check

SUMMED = (".safetensors", ".flac", ".json", ".txt")


def test_every_bundled_file_is_under_a_checksum():
    folder = check.VOICES
    listed = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in SUMMED}
    assert listed == there, "run `make sums`"
    (finding,) = check.weights(folder)
    assert finding.status == "ok", finding


def test_the_bundle_stays_small():
    assert sum(path.stat().st_size for path in check.VOICES.rglob("*") if path.is_file()) < 60e6
