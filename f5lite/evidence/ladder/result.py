"""What was found, rung by rung: a `Row` from a rung's records, and the `Ladder` of all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from f5lite.evidence.ladder import jobs as planning
from f5lite.evidence.ladder.jobs import Records, Settings
from f5lite.evidence.ladder.rungs import Rung
from f5lite.evidence.ladder.sound import Heard
from f5lite.evidence.measurement import Measurement


@dataclass(frozen=True)
class Row:
    """One rung. Lists have one value a turn. MB over imports; seconds for one utterance, loading not included.

    seconds: worked out from each turn: text, vocoder and the first pass as they were, the others × a later pass.
    whole: a whole utterance by the clock, where one was spoken. status: "measured", "waiting", "failed", "unavailable".
    """

    rung: Rung
    status: str
    why: str = ""
    seconds: tuple[float, ...] = ()
    passes: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    loading: tuple[float, ...] = ()
    loading_rss: tuple[float, ...] = ()
    loading_anonymous: tuple[float, ...] = ()
    speaking_rss: tuple[float, ...] = ()
    speaking_anonymous: tuple[float, ...] = ()
    average: tuple[float, ...] = ()
    watts: tuple[float, ...] = ()
    whole: float | None = None
    whole_cpu: float | None = None
    file_mb: float | None = None
    heard: Heard | None = None
    survives: Mapping[int, bool] = field(default_factory=dict)
    cap_kind: str = ""
    notes: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        return self.status == "measured"

    @property
    def peak_rss(self) -> tuple[float, ...]:
        """The higher of loading and speaking, turn by turn."""
        return tuple(map(max, self.loading_rss, self.speaking_rss))

    @property
    def peak_anonymous(self) -> tuple[float, ...]:
        return tuple(map(max, self.loading_anonymous, self.speaking_anonymous))

    @property
    def utterance(self) -> float | None:
        """Seconds of one utterance: by the clock where one was spoken, else computed."""
        return self.whole if self.whole is not None else median(self.seconds) if self.seconds else None

    def to_dict(self, speech: float) -> dict[str, Any]:
        """As `--json` prints it. speech: seconds of speech that the utterance makes."""

        def middle(values: Sequence[float]) -> float | None:
            return round(median(values), 4) if values else None

        seconds = self.utterance
        heard = self.heard
        return {
            "id": self.rung.key,
            "name": self.rung.title,
            "adds": self.rung.adds,
            "status": self.status,
            "why": self.why,
            "steps": self.rung.steps,
            "seconds": None if seconds is None else round(seconds, 4),
            "seconds_how": None if seconds is None else "computed" if self.whole is None else "measured",
            "seconds_computed": [round(value, 4) for value in self.seconds],
            "pass_seconds": middle(self.passes),
            "real_time_factor": None if seconds is None else round(seconds / speech, 4),
            "cpu_seconds": self.whole_cpu if self.whole_cpu is not None else middle(self.cpu),
            "watts": middle(self.watts),
            "loading_seconds": middle(self.loading),
            "peak_rss_mb": middle(self.peak_rss),
            "peak_anonymous_mb": middle(self.peak_anonymous),
            "peak_loading_rss_mb": middle(self.loading_rss),
            "peak_loading_anonymous_mb": middle(self.loading_anonymous),
            "peak_speaking_rss_mb": middle(self.speaking_rss),
            "peak_speaking_anonymous_mb": middle(self.speaking_anonymous),
            "average_rss_mb": middle(self.average),
            "file_mb": None if self.file_mb is None else round(self.file_mb, 3),
            "wer": None if heard is None else heard.wer,
            "wer_interval": None if heard is None else [heard.low, heard.high],
            "wer_sentences": None if heard is None else heard.sentences,
            "wer_of": None if heard is None else "the bundled voice",
            "similarity": None if heard is None else heard.similarity,
            "survives": {str(megabytes): lived for megabytes, lived in self.survives.items()},
            "cap": self.cap_kind,
            "turns": len(self.seconds),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Ladder:
    """All rungs on one machine. `complete`: nothing is left to measure. machine: the card as plain values."""

    rows: tuple[Row, ...]
    machine: Mapping[str, Any]
    model: Mapping[str, Any]
    complete: bool = True
    when: str = ""

    @property
    def speech(self) -> float:
        return float(self.model["speech_seconds"])

    def row(self, key: str) -> Row | None:
        return next((row for row in self.rows if row.rung.key == key), None)


def row(
    rung: Rung,
    records: Records,
    settings: Settings,
    frames: int,
    file_mb: float | None = None,
    heard: Heard | None = None,
) -> Row:
    """One rung from its records."""
    turns = [records.get(planning.turn(rung, n, settings, frames).key) for n in range(settings.repeats)]
    done = [record for record in turns if record]
    common = {"file_mb": file_mb, "heard": heard}
    common |= _caps(rung, records, settings, frames)
    broken = next((record for record in done if record.get("failure")), None)
    if broken:
        status = "unavailable" if broken.get("missing") else "failed"
        reached = broken.get("reached_mb")
        notes = (f"It had reached {reached:,.0f} MB.",) if reached else ()
        return Row(rung, status, broken["failure"], notes=notes, **common)
    if not done:
        return Row(rung, "waiting", "is not measured yet", **common)
    seconds = tuple(computed(r["seconds"], r["passes"], rung.steps) for r in done)
    cpu = tuple(computed(r["cpu"], r["cpu_passes"], rung.steps) for r in done)
    one = records.get(planning.whole(rung, settings, frames).key)
    notes, clock, clock_cpu = _whole(one, seconds)
    notes += _taken(done)
    notes += _slow(rung, records, settings, frames, done)

    def peak(phase: str, kind: str) -> tuple[float, ...]:
        return tuple(r["peaks"][phase][kind] for r in done)

    return Row(
        rung,
        "measured",
        seconds=seconds,
        passes=tuple(median(r["passes"][1:] or r["passes"]) for r in done),
        cpu=cpu,
        loading=tuple(r["seconds"]["loading"] for r in done),
        loading_rss=peak("loading", "rss"),
        loading_anonymous=peak("loading", "anonymous"),
        speaking_rss=peak("speaking", "rss"),
        speaking_anonymous=peak("speaking", "anonymous"),
        average=tuple(r["average"] for r in done if r.get("average") is not None),
        watts=tuple(r["watts"] for r in done if r.get("watts") is not None),
        whole=clock,
        whole_cpu=clock_cpu,
        notes=notes,
        **common,
    )


def computed(parts: Mapping[str, float], passes: Sequence[float], steps: int) -> float:
    """Seconds of an utterance from one that stopped after a few passes."""
    later = median(passes[1:] or passes)
    return parts["text"] + parts["vocoder"] + passes[0] + (steps - 1) * later


def _whole(
    record: Mapping[str, Any] | None, seconds: Sequence[float]
) -> tuple[tuple[str, ...], float | None, float | None]:
    """(notes, seconds, processor seconds) of the whole utterance, and how it compares with what was computed."""
    if not record:
        return (), None, None
    if record.get("failure"):
        return (f"A whole utterance {record['failure']}.",), None, None
    clock, cpu = record["seconds"]["speaking"], record["cpu"]["speaking"]
    ratio = clock / median(seconds)
    return (
        (f"A whole utterance took {ratio:.2f} × what its passes say.",),
        clock,
        round(cpu, 4),
    )


def _caps(rung: Rung, records: Records, settings: Settings, frames: int) -> dict[str, Any]:
    kinds = [
        records[key].get("kind", "")
        for megabytes in settings.caps
        if (key := planning.cap(rung, megabytes, settings, frames).key) in records
    ]
    if "none" in kinds:
        return {"survives": {}, "cap_kind": "caps can't be enforced on this system"}
    found = planning.survives(rung, records, settings, frames)
    return {"survives": found, "cap_kind": next(filter(None, kinds), "")}


def _taken(done: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What a rung chose by itself on this machine."""
    words = {"engine": "products by engine", "attention": "attention by"}
    found = {
        f"{words[kind]} {name}": None for record in done for kind, name in record.get("taken", {}).items()
    }
    return (f"Chosen here: {', '.join(found)}.",) if found else ()


def _slow(
    rung: Rung, records: Records, settings: Settings, frames: int, done: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Alive is not the same as useful: under a cap the weights may have to be read again and again."""
    free = median(
        r["seconds"]["loading"] + r["seconds"]["text"] + r["seconds"]["vocoder"] + r["passes"][0]
        for r in done
    )
    for megabytes in sorted(settings.caps):
        record = records.get(planning.cap(rung, megabytes, settings, frames).key)
        if record and record.get("seconds") and record["seconds"] > 1.5 * free:
            return (f"Under {megabytes} MB a request took {record['seconds'] / free:.1f} × as long.",)
    return ()


def measurement(name: str, values: Sequence[float], unit: str, why: str = "") -> Measurement:
    """The turns of one quantity, ready to be compared; why: what to say where there are none."""
    if not values:
        return Measurement.none(name, why or "it was not measured", unit)
    return Measurement.of(name, values, unit, interleaved=True)
