"""How much of what an accelerator can do a training has used."""

from __future__ import annotations

import os
import re
import subprocess

from trainer.result import Result

__all__ = ["device_name", "mfu", "peak_flops"]

_PEAKS: tuple[tuple[str, float], ...] = (
    # bfloat16 on tensor cores, dense (half of a figure "with sparsity"), accumulated in float32, from NVIDIA's data
    # sheets of each accelerator; first match wins, so the special form stands before the plain one.
    ("GB200", 2500e12),  # GB200 NVL72 data sheet
    ("B200", 2250e12),  # HGX B200 data sheet
    ("GH200", 989e12),  # GH200 data sheet
    ("H200 NVL", 836e12),  # H200 data sheet
    ("H200", 989e12),
    ("H100 NVL", 836e12),  # H100 data sheet
    ("H100 PCIe", 756e12),
    ("H100", 989e12),
    ("H20", 148e12),  # H20 data sheet
    ("A100", 312e12),  # A100 data sheet
    ("A40", 149.7e12),  # A40 data sheet
    ("A30", 165e12),  # A30 data sheet
    ("A10", 125e12),  # A10 data sheet
    ("L40S", 362e12),  # L40S data sheet
    ("L40", 181e12),  # L40 data sheet
    ("L4", 121e12),  # L4 data sheet
    ("RTX 5090", 209.5e12),  # RTX Blackwell architecture whitepaper
    ("RTX 4090", 165.2e12),  # Ada architecture whitepaper
    ("RTX 4080", 97.5e12),
    ("RTX 3090", 71e12),  # GA102 architecture whitepaper
)

_OTHER = re.compile(r"\b(laptop|max-q|mig|d|ti|super|vgpu)\b", re.IGNORECASE)
"""Names with one of these are other accelerators than the plain one."""


def peak_flops(device_name: str) -> float | None:
    """Floating-point operations a second in bfloat16 that an accelerator of this name has; None where not known."""
    if _OTHER.search(device_name):
        return None
    return next((peak for name, peak in _PEAKS if re.search(rf"\b{name}\b", device_name, re.IGNORECASE)), None)


def mfu(result: Result, device_name: str | None) -> float | None:
    """Model FLOPs utilisation, 0 to 1: what the model's arithmetic needs (forward and backward, by torch's count) over
    what the accelerator could have done in the time of the training. Tokens and count are what the genome's process
    says. None on a CPU, and where the accelerator's peak is not known."""
    peak = peak_flops(device_name) if device_name else None
    if not peak or not result.flops_per_token or not result.training:
        return None
    return result.flops_per_token * result.tokens_per_second / peak


def device_name() -> str | None:
    """Of the first accelerator that this process may use, by its driver; None where there is none. A genome's process
    would only claim it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = None if visible is None else visible.partition(",")[0].strip()
    if first in ("", "-1"):  # as CUDA reads it: none
        return None
    which = [f"--id={first}"] if first else []
    try:
        found = subprocess.run(
            ["nvidia-smi", *which, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = found.stdout.strip().splitlines()
    return lines[0].strip() if lines else None
