"""`f5lite speak "TEXT" -o out.wav`: the whole way from a text to a sound file."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from f5lite.errors import F5liteError

HELP = "say a text in a bundled voice, or in the voice of a recording"
SUFFIXES = (".wav", ".flac", ".ogg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to say, in which voice, how, and where to."""
    parser.add_argument("text", nargs="?", help="what to say; - reads it from standard input")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("out.wav"), help="sound file (default: out.wav)"
    )
    parser.add_argument(
        "--file", metavar="TXT", type=Path, help="read the text from a file of any length; run again to go on"
    )
    parser.add_argument(
        "--budget", metavar="SIZE", help="memory that the model may use, such as 360MB: picks how to run"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")

    voice = parser.add_argument_group("voice")
    voice.add_argument("--voices", action="store_true", help="list the bundled voices and stop")
    voice.add_argument("--voice", metavar="NAME", help="a bundled voice (default: kumo)")
    voice.add_argument("--ref", metavar="WAV", type=Path, help="a recording of the voice, up to 12 s")
    voice.add_argument("--ref-text", metavar="TEXT", help="what the recording says")

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", default="tiny", help="tiny (bundled), F5TTS_v1_Base (from the hub), or a path"
    )
    model.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="MODEL",
        help="another file of the same model, such as its int8 conversion, that a budget may choose",
    )
    model.add_argument(
        "--config", help="shape of a weights file that doesn't carry it, such as F5TTS_v1_Base"
    )
    model.add_argument("--vocab", type=Path, help="vocab.txt, if it isn't beside the weights")
    model.add_argument(
        "--vocoder", help="Vocos weights, if they aren't beside the model's; griffin-lim needs none"
    )
    model.add_argument("--device", default="cpu", help="cpu, cuda or mps (default: cpu)")
    model.add_argument(
        "--residency",
        choices=("resident", "on-demand", "streamed"),
        default="on-demand",
        help="keep the stages, load each when its turn comes, or read it block by block (default: on-demand)",
    )
    model.add_argument(
        "--engine",
        metavar="NAME",
        help="which code multiplies a converted model's int8 numbers: auto (default: the fastest measured here), fused, "
        "onednn, torch, bf16, bitsandbytes or reference; see f5lite engines",
    )

    how = parser.add_argument_group("how")
    how.add_argument(
        "--steps",
        type=int,
        help="passes of the model; fewer is faster (default: 32, or a converted model's own)",
    )
    how.add_argument(
        "--guidance",
        type=float,
        help="how strictly to follow the text (default: the model's own; tiny 1, published ones 2)",
    )
    how.add_argument(
        "--guided-until",
        metavar="TIME",
        type=float,
        default=1.0,
        help="from this flow time on, 0 (noise) to 1 (speech), passes aren't guided and cost half (default: 1)",
    )
    how.add_argument(
        "--temperature",
        type=float,
        help="how much noise to start from: less is steadier, more is livelier (default: the model's own; published ones 1)",
    )
    how.add_argument("--sway", type=float, default=-1.0, help="early steps small (-1, default) or even (0)")
    how.add_argument("--speed", type=float, default=1.0, help="1.2 speaks a fifth faster (default: 1)")
    how.add_argument("--method", choices=("euler", "midpoint"), default="euler", help="default: euler")
    how.add_argument("--seed", type=int, help="repeat a result exactly (default: a new one, printed)")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 and a file, or 2 and none."""
    if options.voices:
        return _list_voices(options.json)
    text = _text(options.text) if options.file is None else _from_file(options.file, options.text)
    _can_write(options.output)
    if options.ref is not None and options.voice is not None:
        raise F5liteError("--voice and --ref are two answers to one question; give one of them.")
    if options.ref_text is not None and options.ref is None:
        raise F5liteError("--ref-text says what a recording says; give the recording with --ref.")
    if options.steps is not None and options.steps < 1:
        raise F5liteError(f"--steps is {options.steps}; the model needs at least 1 pass (7 to 32 are usual).")
    if options.file is not None or options.budget is not None:
        if options.engine is not None:
            raise F5liteError("--budget and --file pick how to run, the engine too; leave --engine out.")
        return _through_the_queue(options, text)
    seed = random.randrange(2**31) if options.seed is None else options.seed

    from f5lite.model.audio import write_wave
    from f5lite.pipeline import load

    begin = time.perf_counter()
    pipeline = load(
        options.model,
        device=options.device,
        residency=options.residency,
        vocab=options.vocab,
        vocoder=options.vocoder,
        config=options.config,
        engine=options.engine or "auto",
    )
    with Bar(shown=not options.quiet) as bar:
        spoken = pipeline.speak(
            text,
            options.voice or "kumo",
            ref=options.ref,
            ref_text=options.ref_text,
            steps=options.steps,
            guidance=options.guidance,
            guided_until=options.guided_until,
            temperature=options.temperature,
            sway=options.sway,
            speed=options.speed,
            seed=seed,
            method=options.method,
            progress=bar.update,
        )
    write_wave(options.output, spoken.wave, spoken.sample_rate)
    took = time.perf_counter() - begin
    duration = len(spoken.wave) / spoken.sample_rate
    if options.json:
        content = {
            "output": str(options.output),
            "text": text,
            "model": str(options.model),
            "voice": options.voice or "kumo" if options.ref is None else str(options.ref),
            "sample_rate": spoken.sample_rate,
            "duration_s": round(duration, 4),
            "took_s": round(took, 4),
            "real_time_factor": round(took / duration, 4),
            "stages_s": {name: round(seconds, 4) for name, seconds in spoken.seconds.items()},
            "steps": options.steps or pipeline.steps,
            "guidance": pipeline.config.guidance if options.guidance is None else options.guidance,
            "guided_until": options.guided_until,
            "temperature": pipeline.config.temperature
            if options.temperature is None
            else options.temperature,
            "sway": options.sway,
            "speed": options.speed,
            "method": options.method,
            "seed": seed,
        }
        print(json.dumps(content, ensure_ascii=False))
    else:
        _say(options.quiet, f"{options.output}: {duration:.1f} s of speech in {took:.1f} s, seed {seed}")
    return 0


def _through_the_queue(options: argparse.Namespace, text: str) -> int:
    """Under a budget, or of any length: chunk by chunk in a process of its own, resumable."""
    from f5lite.aloud import megabytes, speak_within
    from f5lite.evidence.sound import word_errors

    budget = None if options.budget is None else megabytes(options.budget)
    seed = 0 if options.seed is None else options.seed  # a run that goes on must draw the same noise
    names = ("model", "device", "vocab", "vocoder", "config")
    load = {name: value for name in names if (value := getattr(options, name)) is not None}
    names = ("steps", "guidance", "guided_until", "temperature", "sway", "method")
    how = {name: value for name in names if (value := getattr(options, name)) is not None}
    voice = (
        {"ref": options.ref, "ref_text": options.ref_text}
        if options.ref
        else {"voice": options.voice or "kumo"}
    )
    begin, decisions = time.perf_counter(), []

    def decided(plan: str, why: str) -> None:
        decisions.append({"plan": plan, "why": why})
        bar.line(f"plan: {plan} ({why})")

    with Bar(shown=not options.quiet, unit="chunk", units="chunks") as bar:
        found = speak_within(
            text,
            options.output,
            budget_mb=budget,
            load=load,
            speak=how,
            also=options.also,
            sound=word_errors(str(options.model)),
            progress=bar.update,
            decided=decided,
            seed=seed,
            speed=options.speed,
            **voice,
        )
    took = time.perf_counter() - begin
    content = {
        "output": str(options.output),
        "model": str(options.model),
        "budget_mb": budget,
        "seed": seed,
        "decisions": decisions,
        **found,
    }
    if options.json:
        print(json.dumps({**content, "took_s": round(took, 4)}, ensure_ascii=False))
    else:
        plans = ", ".join(f"{count} {name}" for name, count in found["plans"].items()) or "all made before"
        line = f"{options.output}: {found['duration_s']:.1f} s of speech in {took:.1f} s, chunks: {plans}, seed {seed}"
        _say(options.quiet, line)
    return 0


def _from_file(path: Path, text: str | None) -> str:
    if text is not None:
        raise F5liteError("the text and --file are two answers to one question; give one of them.")
    try:
        return _text(" ".join(path.read_text(encoding="utf-8").split()))
    except FileNotFoundError:
        raise F5liteError(f"there is no file {path} to read from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise F5liteError(f"can't read {path} as UTF-8 text: {error}") from error


class Bar:
    """Passes done, on standard error: redrawn in place on a terminal, a line at the end elsewhere."""

    def __init__(self, shown: bool = True, stream=None, unit: str = "pass", units: str = "passes") -> None:
        self.unit, self.units = unit, units
        self.shown, self.stream = shown, sys.stderr if stream is None else stream
        self.drawn = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error) -> None:
        if self.drawn:
            self.stream.write("\n")

    def line(self, text: str) -> None:
        """Something to say beside the progress."""
        if self.shown:
            self.stream.write(f"{chr(10) if self.drawn else ''}{text}\n")
            self.stream.flush()
            self.drawn = False

    def update(self, done: int, total: int) -> None:
        """`done` of `total` passes."""
        if not self.shown:
            return
        if self.stream.isatty():
            full = 30 * done // total
            self.stream.write(f"\r[{'#' * full}{'.' * (30 - full)}] {self.unit} {done} of {total} ")
            self.drawn = True
        elif done == total:
            self.stream.write(f"{total} {self.units} done\n")
        self.stream.flush()


def _text(given: str | None) -> str:
    if given is None:
        raise F5liteError('nothing to say; give a text: f5lite speak "Hello there." -o out.wav')
    text = sys.stdin.read() if given == "-" else given
    if not text.strip():
        raise F5liteError("the text is empty; give at least one word.")
    return text.strip()


def _can_write(output: Path) -> None:
    """Say what would go wrong at the end now, before the model has worked."""
    if output.suffix.lower() not in SUFFIXES:
        raise F5liteError(f"{output} should end with {', '.join(SUFFIXES)}, so that its format is known.")
    if output.is_dir():
        raise F5liteError(f"{output} is a folder; give a file name in it, such as {output / 'out.wav'}.")
    if not output.parent.is_dir():
        raise F5liteError(f"folder {output.parent} doesn't exist; make it first (mkdir -p {output.parent}).")


def _list_voices(as_json: bool) -> int:
    from f5lite.model.library import bundled_voices

    voices = bundled_voices()
    if as_json:
        print(json.dumps({name: voice.text for name, voice in voices.items()}, ensure_ascii=False))
    else:
        for name, voice in voices.items():
            print(f"{name:14} {voice.text}")
    return 0


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        print(text, file=sys.stderr)
