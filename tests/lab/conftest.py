"""Every test here gets a ledger of its own, and fails when a callback failed in silence."""

from __future__ import annotations

import pytest

pytest.importorskip("anywidget", reason="the notebooks extra isn't installed")


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    from f5lite.evidence.ledger import Ledger
    from f5lite.lab import callbacks, session

    monkeypatch.setenv("F5LITE_LEDGER", str(tmp_path / "ledger.json"))
    monkeypatch.setattr(
        session.CURRENT, "_ledger", Ledger(tmp_path / "ledger.json", card={"fingerprint": "this-one"})
    )
    session.CURRENT.predictions.clear()
    callbacks.FAILURES.clear()
    yield session.CURRENT
    failures, callbacks.FAILURES[:] = list(callbacks.FAILURES), []
    assert not failures, f"a callback failed: {failures}"
