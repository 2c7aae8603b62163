"""AdaLN folded into a table: 42 % of v1 Base's weights depend on the time step alone, so for a given grid they are numbers.

At 7 steps 142 M parameters become 3.84 MB. Image projects do the same (sglang #34650, DiffusionKit #12). The table is
keyed by the grid's exact float32 times; it is made layer by layer, from a file as from a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from f5lite.errors import F5liteError
from f5lite.model.acoustic import DiT, TimeEmbedding
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import DiTConfig
from f5lite.shrink.rows import rows

PASS_BATCH = (
    2  # the guided pair: rows are computed at the shape the model computes them at, so their bits agree
)
Layer = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Row:
    """The numbers of one pass: a `f5lite.model.acoustic.Modulation`."""

    blocks: torch.Tensor  # (1 or b, depth, 6 * dim)
    last: torch.Tensor  # (1 or b, 2 * dim)

    def block(self, index: int) -> torch.Tensor:
        return self.blocks[:, index]

    def final(self) -> torch.Tensor:
        return self.last


class TableModulation:
    """What `dit.modulation` takes. times: (steps,); blocks: (steps, depth, 6 * dim); final: (steps, 2 * dim), all float32.

    A time that isn't in the table is an F5liteError, or, with `rebuild` (times -> TableModulation), a new row.
    """

    def __init__(
        self,
        times: torch.Tensor,
        blocks: torch.Tensor,
        final: torch.Tensor,
        rebuild: Callable[[torch.Tensor], TableModulation] | None = None,
    ):
        if blocks.ndim != 3 or final.ndim != 2 or not len(times) == len(blocks) == len(final):
            raise F5liteError(
                f"a modulation table of {len(times)} times has rows {list(blocks.shape)} and {list(final.shape)}"
            )
        self.times, self.blocks, self.final, self.rebuild = times, blocks, final, rebuild
        self.where = {time: index for index, time in enumerate(times.float().tolist())}

    @property
    def bytes(self) -> int:
        return self.blocks.nbytes + self.final.nbytes

    def __call__(self, time: torch.Tensor) -> Row:
        """time: (b,) float32, flow times -> their row."""
        wanted = time.float().tolist()
        if missing := sorted({t for t in wanted if t not in self.where}):
            self._add(missing)
        rows = [self.where[t] for t in wanted]
        if len(set(rows)) == 1:
            return Row(self.blocks[rows[0]][None], self.final[rows[0]][None])
        return Row(self.blocks[rows], self.final[rows])

    def _add(self, missing: list[float]) -> None:
        if self.rebuild is None:
            known = ", ".join(f"{t:.4f}" for t in self.where)
            raise F5liteError(
                f"the time {missing[0]:.4f} is not in this model's modulation table, which was made for the "
                f"{len(self.where)} times {known}: speak with steps={len(self.where)} and the sway it was made with, or "
                "convert the model again with --steps N or --keep-modulation"
            )
        more = self.rebuild(torch.tensor(missing, dtype=torch.float32))
        device = self.blocks.device
        self.__init__(
            torch.cat((self.times.cpu(), more.times.cpu())),
            torch.cat((self.blocks, more.blocks.to(device))),
            torch.cat((self.final, more.final.to(device))),
            self.rebuild,
        )


def table_bytes(config: DiTConfig, steps: int) -> int:
    """What a table weighs, computed: float32, all blocks and the final layer."""
    return 4 * steps * config.dim * (6 * config.depth + 2)


def fold_layers(
    embedding: TimeEmbedding,
    layers: Iterable[Layer],
    depth: int,
    times: torch.Tensor,
    batch: int = PASS_BATCH,
) -> TableModulation:
    """The table from the time embedding and the AdaLN layers (weight, bias), the blocks' first, then the final one.

    `layers` may be a generator: one layer is used at a time. batch: the shape of the pass whose bits the rows should have.
    """
    times = times.detach().to("cpu", torch.float32).clone()
    if times.ndim != 1 or not len(times) or not torch.isfinite(times).all():
        raise F5liteError(f"a table is made for a list of times, found {times.tolist()}")
    with torch.inference_mode():
        embedded = [F.silu(embedding(time.expand(batch))) for time in times]
        dim = embedded[0].shape[-1]
        blocks = torch.empty(len(times), depth, 6 * dim)
        final = torch.empty(len(times), 2 * dim)
        for index, (weight, bias) in enumerate(layers):
            for step, e in enumerate(embedded):
                row = F.linear(e, weight.float(), bias.float())[0]
                (blocks[step, index] if index < depth else final[step]).copy_(row)
    return TableModulation(times, blocks, final)


def fold(dit: DiT, times: torch.Tensor, batch: int = PASS_BATCH) -> TableModulation:
    """The table of a model in memory. Drop its AdaLN layers afterwards with `drop_modulation`."""
    if dit.time_embed is None:
        raise F5liteError("this model's modulation is folded already")
    modules = [*(block.attn_norm.linear for block in dit.transformer_blocks), dit.norm_out.linear]
    return fold_layers(
        dit.time_embed, ((m.weight, m.bias) for m in modules), len(dit.transformer_blocks), times, batch
    )


def fold_file(
    checkpoint: Checkpoint, config: DiTConfig, times: torch.Tensor, batch: int = PASS_BATCH
) -> TableModulation:
    """The table of a file, streamed: no more than one AdaLN layer (24 MB at v1 Base) is in memory."""
    names = [f"transformer_blocks.{i}.attn_norm.linear" for i in range(config.depth)] + ["norm_out.linear"]

    def read(name: str, into: torch.Tensor) -> torch.Tensor:
        key = checkpoint.names.get(name)
        if key is None:
            raise F5liteError(f"{checkpoint.path} has no {name!r}: its modulation was folded already")
        first = 0
        for piece in rows(checkpoint.source, key):
            into[first : first + len(piece)] = piece
            first += len(piece)
        return into[:first]

    embedding = TimeEmbedding(config.dim)
    for name, parameter in embedding.named_parameters():
        read(f"time_embed.{name}", parameter.data)
    weight, bias = torch.empty(6 * config.dim, config.dim), torch.empty(6 * config.dim)  # used again for each
    layers = ((read(f"{name}.weight", weight), read(f"{name}.bias", bias)) for name in names)
    return fold_layers(embedding, layers, config.depth, times, batch)


def drop_modulation(dit: DiT, table: TableModulation) -> DiT:
    """Let the table stand for the AdaLN layers and the time MLP, and free them."""
    dit.modulation = table
    dit.time_embed = dit.norm_out = None
    for block in dit.transformer_blocks:
        block.attn_norm = None
    return dit
