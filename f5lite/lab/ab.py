"""The A/B player: versions of one utterance under one playhead, switched while it plays, and a blind test with a score.

    lab.ab({"fp32": before, "int8": after}, claim="int8-sound")

Where widgets don't run (a stored notebook, GitHub) there are spectrograms, transcript and a plain player for each version.
The widget gets the sound without loss, since what it is asked for is a difference that MP3 might make or hide.
"""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from f5lite.evidence.entry import Entry
from f5lite.lab.blind import ROUNDS, Blind
from f5lite.lab.charts.heard import LEFT, RIGHT, spectrogram
from f5lite.lab.drawing import WIDTH
from f5lite.lab.figure import Shown, Table, still, twin
from f5lite.lab.numbers import number
from f5lite.lab.player import Sound
from f5lite.lab.session import CURRENT

LETTERS = "ABCDEFGHIJ"  # J is the last that leaves P (play) and X free


def lossless(sound: Sound) -> bytes:
    """FLAC, 16 bits, at the loudness it has."""
    import soundfile

    target = io.BytesIO()
    soundfile.write(target, sound.wave.clip(-1, 1), sound.rate, format="FLAC", subtype="PCM_16")
    return target.getvalue()


class AB(Shown):
    """Versions by name, their pictures and the blind test. `entry` is the newest line in the ledger, None before any answer.

    claim: the claim that answers are recorded for; "" records nothing.
    """

    def __init__(
        self, sounds: dict[str, Sound], title: str, claim: str, rounds: int, seed: int | None
    ) -> None:
        if not 2 <= len(sounds) <= len(LETTERS):
            raise ValueError(f"an A/B player takes 2 to {len(LETTERS)} versions, found {len(sounds)}")
        texts = {sound.text.strip() for sound in sounds.values()}
        if len(texts) != 1 or not texts.pop():
            raise ValueError("the versions are of one utterance: give them the same text, the words spoken")
        if len({sound.rate for sound in sounds.values()}) > 1:
            raise ValueError("the versions have different sample rates, which anybody could hear")
        self.sounds, self.title, self.claim = sounds, title, claim
        self.text = next(iter(sounds.values())).text
        self.span = max(sound.seconds for sound in sounds.values())
        self.key = f"ab-{uuid.uuid4().hex[:8]}"
        self.blind = Blind(list(sounds), rounds, seed)
        self.blind.observers.append(lambda _: self._keep())
        self.entry: Entry | None = None
        self.pictures = {name: spectrogram(sound, self.span, name) for name, sound in sounds.items()}
        self.alt = {
            name: sound.alt(name).replace("Waveform and spectrogram", "Spectrogram")
            for name, sound in sounds.items()
        }
        columns = ("", "seconds", "loudness (dB)", "peak")
        self.table = Table.of(
            columns,
            [
                (name, number(round(s.seconds, 2)), number(round(s.loudness, 1)), number(round(s.peak, 2)))
                for name, s in sounds.items()
            ],
        )

    def _keep(self) -> None:
        """Write the score as it stands to the ledger, in place of what this test wrote before."""
        if not self.claim or not self.blind.answers:
            self.entry = None
            return
        before, note = self.entry, f"blind listening: {', '.join(self.sounds)}"
        self.entry = CURRENT.ledger.record(
            self.claim, *self.blind.score.figures(), model="", note=f"{note}; “{self.text}”"
        )
        if before is not None:
            CURRENT.ledger.forget(before)

    def html(self) -> str:
        rows = "".join(self._row(name) for name in self.sounds)
        return (
            f'<section class="f5 f5-card f5-listen" aria-label="{escape(self.title, quote=True)}">'
            f'<div class="f5-label">{escape(self.title)}</div>{rows}'
            f'<p class="f5-words f5-transcript"><b>Transcript</b>{escape(self.text)}</p>{twin(self.table)}</section>'
        )

    def _row(self, name: str) -> str:
        sound, alt = self.sounds[name], escape(self.alt[name], quote=True)
        code, media = sound.encoded()
        drawing = self.pictures[name].replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
        return (
            f'<div style="padding:8px 0">{drawing}'
            f'<img class="f5-still" alt="{alt}" width="760" src="{still(self.pictures[name])}">'
            f'<audio controls preload="metadata" style="width:100%" aria-label="{escape(name, quote=True)}" '
            f'src="data:{media};base64,{base64.b64encode(code).decode()}"></audio></div>'
        )

    def plain(self) -> str:
        lines = [f'{name}: "{self.text}" {self.alt[name]}' for name in self.sounds]
        return "\n".join([self.title, *lines])

    def state(self) -> dict[str, Any]:
        """What changes while the player is used: the view shows it."""
        blind = self.blind
        return {
            "key": self.key,
            "running": blind.running,
            "round": blind.round,
            "rounds": blind.rounds,
            "x": -1 if blind.x is None else blind.x,
            "said": blind.said,
            "answered": len(blind.answers),
        }

    def fixed(self) -> dict[str, Any]:
        """What doesn't: names, pictures, words."""
        return {
            "title": self.title,
            "text": self.text,
            "span": self.span,
            "plot": [LEFT / WIDTH, RIGHT / WIDTH],
            "recorded": bool(self.claim),
            "versions": [
                {"name": name, "letter": LETTERS[at], "picture": self.pictures[name], "alt": self.alt[name]}
                for at, name in enumerate(self.sounds)
            ],
        }

    def view(self) -> Any:
        """The player; it follows this object, and this object it."""
        import traitlets

        from f5lite.lab.view import View

        folder = Path(__file__).parent

        class ABView(View):
            _esm = (folder / "ab.js").read_text("utf-8")
            _css = (folder / "ab.css").read_text("utf-8")
            fixed = traitlets.Dict().tag(sync=True)
            sounds = traitlets.List().tag(sync=True)  # FLAC, in the order of `fixed["versions"]`
            answers = traitlets.Tuple()  # (X, said) of each round: observe it from a notebook

        def start(_: object) -> None:
            self.blind.start()
            player.show(**self.state())

        def stop(_: object) -> None:
            self.blind.stop()
            player.show(**self.state())

        def answer(event: dict[str, int]) -> None:
            self.blind.answer(event["round"], event["choice"])
            player.show(**self.state())

        player = ABView("ab", self.state(), {"start": start, "stop": stop, "answer": answer})
        self.blind.observers.append(lambda blind: player.set_trait("answers", blind.answers))
        player.fixed, player.sounds = self.fixed(), [lossless(sound) for sound in self.sounds.values()]
        return player

    def _ipython_display_(self) -> None:
        from f5lite.lab.view import display_html, live
        from f5lite.lab.view import twin as static

        display_html(static(self.key, self.html()), self.plain())
        if live():
            from IPython.display import display

            display(self.view())


def ab(
    versions: Mapping[str, Any],
    *,
    text: str | None = None,
    rate: int | None = None,
    title: str = "Listen, and switch",
    claim: str = "",
    rounds: int = ROUNDS,
    seed: int | None = None,
) -> AB:
    """A player for versions of one utterance, by name: utterances, or samples with `rate` and `text`.

    claim: record the blind test's answers in the ledger, for this claim. rounds: of a whole blind test.
    """
    sounds = {name: Sound.of(one, rate, text) for name, one in versions.items()}
    return AB(sounds, title, claim, rounds, seed)
