"""A UNet of the size of Stable Diffusion 1.5's with random weights, for timing.

References:
    Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR
    2022: 320, 640, 1280, 1280 channels, two residual blocks per level (three in the
    decoder), attention at the three finer levels, text of 77 tokens of 768 numbers.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

TOKENS, TEXT = 77, 768
SIZE = (128, 96)  # latents of 1024x768 pixels: an eighth of them


class Residual(nn.Module):
    """Residual block of two convolutions, conditioned on the time step."""

    def __init__(self, inner: int, outer: int, time: int):
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(32, inner), nn.SiLU(), nn.Conv2d(inner, outer, 3, padding=1)
        )
        self.time = nn.Linear(time, outer)
        self.second = nn.Sequential(
            nn.GroupNorm(32, outer), nn.SiLU(), nn.Conv2d(outer, outer, 3, padding=1)
        )
        self.skip = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Map (B, inner, H, W) to (B, outer, H, W)."""
        moved = self.first(x) + self.time(functional.silu(time))[..., None, None]
        return self.skip(x) + self.second(moved)


class Attention(nn.Module):
    """Multi-head attention of pixels to pixels, or to the text."""

    def __init__(self, channels: int, source: int, heads: int):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(source, channels, bias=False)
        self.value = nn.Linear(source, channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor, text: torch.Tensor | None) -> torch.Tensor:
        """Map (B, N, C) to (B, N, C)."""
        query = self.norm(x)
        source = query if text is None else text
        parts = self.query(query), self.key(source), self.value(source)
        split = [p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts]
        mixed = functional.scaled_dot_product_attention(*split)
        return x + self.out(mixed.transpose(1, 2).flatten(-2))


class Transformer(nn.Module):
    """Self-attention, cross-attention to the text, and a gated feed-forward layer."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.norm = nn.GroupNorm(32, channels)
        self.enter, self.leave = (
            nn.Conv2d(channels, channels, 1),
            nn.Conv2d(channels, channels, 1),
        )
        self.itself = Attention(channels, channels, heads)
        self.text = Attention(channels, TEXT, heads)
        self.gate = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, 8 * channels)
        )
        self.close = nn.Linear(4 * channels, channels)

    def forward(self, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        flat = self.enter(self.norm(x)).flatten(2).transpose(1, 2)  # (B, H*W, C)
        flat = self.text(self.itself(flat, None), text)
        value, gate = self.gate(flat).chunk(2, dim=-1)
        flat = flat + self.close(value * functional.gelu(gate))
        return x + self.leave(flat.transpose(1, 2).unflatten(2, x.shape[2:]))


class Level(nn.Module):
    """A residual block, followed by a transformer where the level has attention."""

    def __init__(self, inner: int, outer: int, time: int, heads: int | None):
        super().__init__()
        self.residual = Residual(inner, outer, time)
        self.transformer = Transformer(outer, heads) if heads else None

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, text: torch.Tensor
    ) -> torch.Tensor:
        """Map (B, inner, H, W) to (B, outer, H, W)."""
        x = self.residual(x, time)
        return self.transformer(x, text) if self.transformer else x


class UNet(nn.Module):
    """Predicts noise in latents.

    Args:
        channels: of the levels, each half as large as the one before; the last one has
            no attention.
        heads: of attention.
    """

    def __init__(self, channels: Sequence[int], heads: int):
        super().__init__()
        time, last = 4 * channels[0], len(channels) - 1
        self.time = nn.Sequential(
            nn.Linear(channels[0], time), nn.SiLU(), nn.Linear(time, time)
        )
        self.enter = nn.Conv2d(4, channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, width = [channels[0]], channels[0]
        for k, outer in enumerate(channels):
            for _ in range(2):
                self.down.append(Level(width, outer, time, heads if k < last else None))
                skips.append(width := outer)
            if k < last:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        self.middle = nn.ModuleList(
            [Level(width, width, time, heads), Level(width, width, time, None)]
        )
        for k, outer in reversed(list(enumerate(channels))):
            for _ in range(3):
                level_heads = heads if k < last else None
                self.up.append(Level(width + skips.pop(), outer, time, level_heads))
                width = outer
            if k:
                self.up.append(nn.Conv2d(width, width, 3, padding=1))
        self.leave = nn.Sequential(
            nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, 4, 3, padding=1)
        )

    def forward(
        self, x: torch.Tensor, step: torch.Tensor, text: torch.Tensor
    ) -> torch.Tensor:
        """Map latents (B, 4, H, W), step (B, C) and text (B, T, 768) to (B, 4, H, W)."""
        time, x = self.time(step), self.enter(x)
        skips = [x]
        for part in self.down:
            x = part(x, time, text) if isinstance(part, Level) else part(x)
            skips.append(x)
        for part in self.middle:
            x = part(x, time, text)
        for part in self.up:
            if isinstance(part, Level):
                x = part(torch.cat([x, skips.pop()], dim=1), time, text)
            else:
                x = part(functional.interpolate(x, scale_factor=2.0))
        return self.leave(x)


def unet_step(channels: Sequence[int], heads: int) -> Callable[[], object]:
    """Return a function that runs one step without guidance, which would need two."""
    torch.manual_seed(0)
    net = UNet(channels, heads).eval()
    inputs = torch.zeros(1, 4, *SIZE), torch.zeros(1, channels[0])
    text = torch.zeros(1, TOKENS, TEXT)

    def step() -> object:
        with torch.inference_mode():
            return net(*inputs, text)

    return step
