"""`doctor +domain=…`: is the ruler straight? Preflight, then worlds whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from evolve.cli.configure import CONF, domain_of, register, settings_of, translated
from evolve.cli.launch import build
from evolve.preflight import preflight, worlds

__all__ = ["main"]


def main(args: Sequence[str]) -> int:
    """1 when a check fails."""
    register(domain_of(args))
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF), job_name="evolve"):
            config = compose("config", overrides=list(args))
    except (HydraException, OmegaConfBaseException) as error:
        raise translated(error) from None
    settings, _ = settings_of(config)
    built = build(settings)
    failed = 0
    for one in preflight(settings, built.substrate, built.workers, built.seeds):
        failed += _say(one.name, one.holds, one.said)
    for one in worlds(
        settings, built.substrate, lambda world: built.mutate(settings, world), built.workers, built.seeds
    ):
        failed += _say(one.name, one.holds, one.said)
    built.workers.close()
    print(f"{failed} checks failed: a score of this domain cannot be believed yet." if failed else "All is well.")
    return 1 if failed else 0


def _say(name: str, holds: bool, said: str) -> bool:
    print(f"{'ok    ' if holds else 'FAILED'} {name}: {said}", flush=True)
    return not holds
