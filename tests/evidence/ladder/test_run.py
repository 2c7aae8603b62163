"""Climbing: nothing is done twice, what breaks becomes a row, and a real process's figures add up."""

from __future__ import annotations

import sys

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence.ladder import gather, jobs, run, rungs, upstream
from f5lite.evidence.ladder.jobs import Job, Settings
from f5lite.evidence.ladder.store import Store
from tests.evidence.ladder import made

OURS = tuple(rung for rung in rungs.RUNGS if not rung.theirs)


@pytest.fixture
def climb(tmp_path):
    """Climb with made-up records; the same store every time. -> the ladder."""
    subject = made.subject(tmp_path)

    def go(climber, settings=Settings(), progress=None, **more):
        store = Store.of(subject, place=tmp_path / "kept", **more)
        run.climb(subject, settings, store, progress, climber)
        return gather.gather(subject, settings, store, {})

    return go


def test_interrupted_anywhere_and_resumed_it_repeats_nothing(climb):
    whole = made.Climber()
    complete = climb(whole, fresh=True)
    assert complete.complete and len(whole.seen) == len(set(whole.seen))
    for stop_at in (0, 1, 7, len(whole.seen) - 1):
        first, second, third = made.Climber(stop_at=stop_at), made.Climber(), made.Climber()
        with pytest.raises(KeyboardInterrupt):
            climb(first, fresh=True)
        resumed = climb(second)
        assert first.seen + second.seen == whole.seen and resumed.rows == complete.rows
        climb(third)
        assert third.seen == []


def test_more_turns_and_other_rungs_use_what_is_there(climb):
    few, more = made.Climber(), made.Climber()
    climb(few, Settings(repeats=2, rungs=rungs.chosen(["fp32"]), whole="none", capped="none"), fresh=True)
    climb(more, Settings(repeats=3, rungs=rungs.chosen(["fp32", "int8"]), whole="none", capped="none"))
    turns = [key for key in few.seen + more.seen if key.startswith("turn")]
    assert len(turns) == 3 + 3 and len(set(turns)) == 6


def test_turns_are_interleaved(climb):
    climber = made.Climber()
    climb(climber, Settings(repeats=3, rungs=OURS), fresh=True)
    order = [key.split("/")[1] for key in climber.seen if key.startswith("turn")]
    assert order == [rung.key for rung in OURS] * 3


def test_a_rung_that_breaks_is_a_row_that_says_so_and_stops_nothing_else(climb):
    climber = made.Climber(broken={"int8": "was killed by SIGKILL"})
    found = climb(climber, fresh=True)
    row = found.row("int8")
    assert (row.status, row.why) == ("failed", "was killed by SIGKILL")
    assert row.to_dict(1.0)["seconds"] is None and row.to_dict(1.0)["why"] == "was killed by SIGKILL"
    assert sum(key.startswith("turn/int8/") for key in climber.seen) == 1, "not tried again"
    assert all(other.measured for other in found.rows if other.rung.key != "int8")


def test_caps_are_found_by_halving(climb):
    climber = made.Climber(dies_under={"upstream": 10**6, "fp32": 360, "int8": 200})
    found = climb(climber, fresh=True)
    assert found.row("upstream").survives == dict.fromkeys(rungs.CAPS, False)
    assert found.row("fp32").survives == {512: True, 360: True, 256: False, 128: False}
    assert found.row("int8").survives == {512: True, 360: True, 256: True, 128: False}
    assert found.row("streamed").survives == dict.fromkeys(rungs.CAPS, True)
    tries = [key for key in climber.seen if key.startswith("cap/")]
    assert len(tries) <= 3 * len(rungs.RUNGS)


def test_an_utterance_is_its_first_pass_and_the_others_times_a_later_one(climb):
    settings = Settings(repeats=1, rungs=rungs.chosen(["fp32", "seven-steps"]))
    found = climb(made.Climber(), settings, fresh=True)
    assert found.row("fp32").seconds == (pytest.approx(0.3 + 32 * 2),)
    assert found.row("fp32").to_dict(2.0)["seconds_how"] == "computed"
    assert found.row("seven-steps").whole == pytest.approx(0.3 + 7 * 2)
    assert found.row("seven-steps").to_dict(2.0)["real_time_factor"] == pytest.approx(7.15)


def test_progress_counts_up_and_its_estimate_ends_at_nothing(climb):
    said = []
    climb(made.Climber(), Settings(repeats=1), lambda *what: said.append(what), fresh=True)
    assert [done for _, done, _, _ in said] == list(range(len(said)))
    assert all(left > 0 for _, _, _, left in said[:-1]) and said[-1][3] == 0


def test_a_damaged_store_is_measured_again(tmp_path):
    store = Store.of(made.subject(tmp_path), place=tmp_path)
    store.keep("prepare/source", {})
    store.path.write_text(store.path.read_text()[:40])
    assert Store.of(made.subject(tmp_path), place=tmp_path).records == {}


@pytest.mark.parametrize(
    ("work", "says"),
    [(made.killed, "killed by SIGKILL"), (made.raises, "raised RuntimeError: not enough room")],
)
def test_a_process_that_ends_badly_is_a_record(small_model, work, says):
    if sys.platform == "win32" and work is made.killed:
        pytest.skip("Windows has no SIGKILL")
    job = jobs.turn(OURS[0], 0, Settings(), made.FRAMES)
    found = run.carry_out(job, made.subject(small_model), Settings(), ours=work)
    assert says in found["failure"]


def test_real_processes_on_every_rung(small_model):
    subject, settings = made.subject(small_model), Settings(repeats=1, rungs=OURS)
    for rung in OURS:
        run.carry_out(Job("prepare", form=rung.form), subject, settings)
    for rung in (OURS[1], OURS[-1]):
        found = run.carry_out(jobs.turn(rung, 0, settings, made.FRAMES), subject, settings)
        assert found.get("failure") is None, found
        assert len(found["passes"]) == 2 and min(found["passes"]) > 0
        spoken = found["seconds"]
        assert sum(found["passes"]) + spoken["text"] + spoken["vocoder"] <= spoken["speaking"] * 1.01
        assert found["peaks"]["speaking"]["rss"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="caps are Linux only")
def test_a_real_cap_ends_what_needs_more(small_model):
    subject, settings = made.subject(small_model), Settings()
    under = [
        run.carry_out(jobs.cap(OURS[0], cap, settings, made.FRAMES), subject, settings) for cap in (400, 1)
    ]
    assert under[0]["failure"] is None and under[0]["kind"]
    assert under[1]["failure"]


def test_upstream_speaks_on_its_rung_or_the_row_says_why_not(small_model, monkeypatch):
    subject, settings = made.subject(small_model), Settings()
    job = jobs.turn(rungs.RUNGS[0], 0, settings, made.FRAMES)
    if upstream.find() is not None:
        found = run.carry_out(job, subject, settings)
        assert found.get("failure") is None, found
        assert len(found["passes"]) == 2 and found["peaks"]["loading"]["rss"] > 0
    monkeypatch.setattr(upstream, "find", lambda: None)
    monkeypatch.setattr(upstream, "build", lambda: "pip could not install f5-tts==1.1.22: no network")
    found = run.carry_out(job, subject, settings)
    assert found["missing"] and "no network" in found["failure"]


def test_a_missing_upstream_is_a_row_and_is_not_tried_under_caps(climb):
    class Without(made.Climber):
        def __call__(self, job, subject, settings):
            found = super().__call__(job, subject, settings)
            theirs = job.rung is not None and job.rung.theirs
            return {"failure": "is not available here: no network", "missing": True} if theirs else found

    climber = Without()
    found = climb(climber, fresh=True)
    assert found.row("upstream").status == "unavailable" and found.complete
    assert not any(key.startswith("cap/upstream") for key in climber.seen)


def test_unknown_rungs_and_lengths_are_named():
    from f5lite.evidence.ladder.subject import subject

    with pytest.raises(F5liteError, match="no rung 'int4'; there are: upstream, fp32"):
        rungs.chosen(["int4"])
    with pytest.raises(F5liteError, match="frames must be from 32"):
        subject(None, 8)
