"""The model in a queue's worker process: each offer is a way to run, opened when it is first needed, one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from f5lite.errors import F5liteError
from f5lite.shrink.stages import release_all
from f5lite.shrink.trim import give_back


class Speaker:
    """Speaks chunk by chunk. ways: offer's name → {"load": arguments of `f5lite.load`, "speak": options of `speak`,
    "chunk_seconds": a shorter chunk than the model's own}.

    A text is cut at the model's own length, so its chunks keep their numbers when the plan changes; a plan with shorter ones
    makes such a chunk in pieces. Jobs: {"cut": text, …} gives the text's chunks; {"say": chunk, "seed": n, …} gives
    (wave, sample rate). The other entries (voice, ref, ref_text, speed) say in whose voice and how fast.
    """

    def __init__(self, ways: dict[str, dict[str, Any]]) -> None:
        import f5lite.pipeline  # noqa: F401  its imports belong to the process, not to the first request

        self.ways, self.pipeline = ways, None
        self.loaded: dict[str, Any] = {}

    def run(self, job: dict[str, Any], offer: str) -> Any:
        """Do one job the way that `offer` names."""
        pipeline = self._open(offer)
        whole = pipeline.files.config.chunk_seconds
        shorter = whole if "cut" in job else self.ways[offer].get("chunk_seconds", whole)
        pipeline.config = replace(pipeline.config, chunk_seconds=min(whole, shorter))
        reference = {name: job[name] for name in ("voice", "ref", "ref_text") if job.get(name) is not None}
        speed = job.get("speed", 1.0)
        if "cut" in job:
            pipeline.files.vocabulary.check(job["cut"])
            return pipeline.cut(job["cut"], pipeline.reference(**reference), speed)
        options = {**self.ways[offer].get("speak", {}), **job.get("options", {})}
        said = pipeline.speak(job["say"], seed=job.get("seed"), speed=speed, **reference, **options)
        return said.wave, said.sample_rate

    def holds(self) -> dict[str, int]:
        """The stages that are loaded now, with the bytes of their weights."""
        stages = () if self.pipeline is None else self.pipeline.stages
        return {stage.name: stage.bytes for stage in stages if stage.loaded}

    def keep(self, stages: tuple[str, ...]) -> None:
        """Release every stage that isn't named."""
        released = 0 if self.pipeline is None else release_all(self.pipeline.stages, keep=stages)
        give_back(collect=bool(released))

    def _open(self, offer: str) -> Any:
        """The pipeline that an offer asks for. Another residency of the same file keeps the pipeline: only its stages go."""
        if offer not in self.ways:
            raise F5liteError(f"no way to run is called {offer!r}; there are: {', '.join(self.ways)}")
        load = dict(self.ways[offer].get("load", {}))
        residency = load.pop("residency", "resident")
        if self.pipeline is None or self.loaded != load:
            import f5lite

            self.keep(())
            self.pipeline = None
            self.pipeline = f5lite.load(**load, residency=residency)
            self.loaded = load
        for stage in self.pipeline.stages:
            if stage.residency != residency:
                stage.residency = residency
                stage.release()
        return self.pipeline
