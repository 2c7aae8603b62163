"""The sampler: from noise to mel along the flow (conditional flow matching, arXiv 2410.06885; f5-tts `model/cfm.py`).

Time grids: even, swayed towards the noise (sway sampling), and EPSS (arXiv 2505.19931). Integrators: Euler, midpoint.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.utils.rnn import pad_sequence

from f5lite.errors import F5liteError
from f5lite.model.acoustic import DiT

# Empirically pruned steps, in 1/32 of the way (arXiv 2505.19931, and f5-tts `get_epss_timesteps`)
EPSS: dict[int, tuple[int, ...]] = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}
METHODS = ("euler", "midpoint")
SHORTEST_GUIDANCE = 1e-5  # below it the unconditioned half isn't computed at all, as upstream


def time_grid(steps: int, sway: float | None = -1.0, epss: bool = True) -> torch.Tensor:
    """The flow times 0 … 1 of `steps` steps, (steps + 1,) float32.

    `epss`: the pruned grid where one is known for that number, else an even one. `sway` moves the times towards the
    noise at -1, leaves them at 0 or None.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 1000:
        raise F5liteError(f"steps must be a whole number from 1 to 1000, found {steps!r}")
    if epss and steps in EPSS:
        grid = torch.tensor(EPSS[steps], dtype=torch.float32) * (1 / 32)
    else:
        grid = torch.linspace(0, 1, steps + 1)
    if sway is not None:
        grid = grid + sway * (torch.cos(torch.pi / 2 * grid) - 1 + grid)
    if (grid.diff() <= 0).any():
        raise F5liteError(f"sway {sway} makes the time run backwards; use a value from -1 to 1")
    return grid


def noise(
    lengths: list[int], mels: int, seed: int | None, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Gaussian noise, b n mels, padded with zeros. The same seed gives every utterance the noise that upstream gives it."""
    rows = []
    for frames in lengths:
        generator = torch.Generator(device=device)
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        rows.append(torch.randn(frames, mels, generator=generator, device=device))
    return pad_sequence(rows, batch_first=True)


def integrate(
    field: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    grid: torch.Tensor,
    method: str = "euler",
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """Follow dx/dt = field(t, x) along the grid; only the current x is kept. `progress` gets (steps done, steps)."""
    if method not in METHODS:
        raise F5liteError(f"method must be one of {', '.join(METHODS)}, found {method!r}")
    steps = len(grid) - 1
    for index in range(steps):
        now, width = grid[index], grid[index + 1] - grid[index]
        if method == "euler":
            x = x + width * field(now, x)
        else:
            half = 0.5 * width
            x = x + width * field(now + half, x + half * field(now, x))
        if progress:
            progress(index + 1, steps)
    return x


def guided(
    dit: DiT,
    cond: torch.Tensor,
    text: torch.Tensor,
    no_text: torch.Tensor | None,
    guidance: float,
    mask: torch.Tensor | None,
    until: float = 1.0,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The flow field with classifier-free guidance: one pass on the pair (conditioned and not).

    cond: b n mels, reference mels, zero where to generate; text, no_text: b n text_dim. until: from this flow time on
    there is no guidance, and a pass has half the work (guidance in a limited interval, arXiv 2404.07724).
    """

    def alone(time: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return dit(x, cond, text, time.to(x.device), mask)

    if guidance < SHORTEST_GUIDANCE or no_text is None or until <= 0:
        return alone
    both = None if mask is None else torch.cat((mask, mask))
    silence = torch.zeros_like(cond)

    def field(time: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        if time >= until:
            return alone(time, x)
        # The pair has no name here, so that the first block's input goes when the second block begins.
        with_text, without = dit.flow(
            torch.cat((dit.embed(x, cond, text, mask), dit.embed(x, silence, no_text, mask))),
            time.to(x.device),
            both,
        ).chunk(2)
        return with_text + (with_text - without) * guidance

    return field


def frames_to_make(reference_frames: int, reference_text: str, text: str, speed: float = 1.0) -> int:
    """Frames in all, reference included: the new text takes as long a byte as the reference's (f5-tts `utils_infer.py`).

    A text under ten bytes is spoken at 0.3 of the speed, as upstream does.
    """
    bytes_of_reference, new = len(reference_text.encode()), len(text.encode())
    pace = 0.3 if new < 10 else speed
    return reference_frames + int(reference_frames / bytes_of_reference * new / pace)


@torch.inference_mode()
def sample(
    dit: DiT,
    cond: torch.Tensor,
    text: torch.Tensor,
    no_text: torch.Tensor | None,
    *,
    lengths: torch.Tensor | None = None,
    durations: torch.Tensor | None = None,
    grid: torch.Tensor,
    guidance: float = 2.0,
    guided_until: float = 1.0,
    temperature: float = 1.0,
    seed: int | None = None,
    method: str = "euler",
    edit_mask: torch.Tensor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """Infill: keep the reference's mels, generate the rest; -> b n mels.

    cond: b r mels, the references, padded; lengths: their frames (b), r by default; text, no_text: b n text_dim, made
    for `durations`; durations: frames in all (b), n by default. edit_mask: b r, false where the reference is to be
    spoken anew. guided_until: the `until` of `guided`. temperature: the noise's standard deviation; training has 1, and a
    model that is unsure how long each sound lasts keeps nearer to what it expects with less (as Grad-TTS, arXiv
    2105.06337, and Matcha-TTS, arXiv 2309.03199, do).
    Batch 1 has no mask and no padding, as upstream.
    """
    batch, width = cond.shape[:2]
    frames = text.shape[1]
    if lengths is None:
        lengths = torch.full((batch,), width, device=cond.device)
    if durations is None:
        durations = torch.full((batch,), frames, device=cond.device)
    index = torch.arange(frames, device=cond.device)[None]
    kept = index < lengths[:, None]
    if edit_mask is not None:
        kept = kept & torch.nn.functional.pad(edit_mask, (0, frames - width), value=False)
    known = torch.nn.functional.pad(cond, (0, 0, 0, frames - width))
    dtype = dit.proj_out.weight.dtype if dit.proj_out.weight.is_floating_point() else cond.dtype
    step_cond = torch.where(kept[..., None], known, 0).to(dtype)
    mask = index < durations[:, None] if batch > 1 else None
    x = noise(durations.tolist(), cond.shape[-1], seed, cond.device).mul_(temperature).to(dtype)
    field = guided(
        dit,
        step_cond,
        text.to(dtype),
        None if no_text is None else no_text.to(dtype),
        guidance,
        mask,
        guided_until,
    )
    made = integrate(field, x, grid.to(device=cond.device, dtype=dtype), method, progress)
    return torch.where(kept[..., None], known, made)
