"""A hostile program under a hard clock.

sandbox.py  what the harness uses: find, run, start, close, canary
started.py  a program that was started, and the harness's end of its warden
warden.py   the process that holds a trial, so that the harness need not
watch.py    the clock, the output, memory: one trial until it ends or must
bubble.py   a trial in bubblewrap           plain.py   a trial without
view.py     what it sees of the host        hidden.py  where what it must not see lies in that
cover.py    that laid empty                 folder.py  what goes into its folder and comes out
gpu.py      what NVIDIA's GPUs need
seccomp.py  what it may ask of the kernel   kernel.py  what we ask of the kernel
canary.py   attacks, for preflight          wire.py    messages to a warden
"""

from evolve.workers.sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
