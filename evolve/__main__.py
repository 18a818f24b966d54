"""python -m evolve +domain=… and the named commands beside it. The one place that catches what a user can mend."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from evolve.errors import Halt, Spent, UsageError

__all__ = ["main"]


def _commands() -> dict[str, Callable[[Sequence[str]], int]]:
    """Imported when called, so that `--help` and a mistake are answered at once."""

    def command(module: str, function: str = "main") -> Callable[[Sequence[str]], int]:
        def run(args: Sequence[str]) -> int:
            found: Callable[[Sequence[str]], int] = getattr(import_module(f"evolve.cli.{module}"), function)
            return found(args)

        return run

    return {
        "log": command("log"),
        "report": command("report"),
        "export": command("export"),
        "replay": command("replay"),
        "runs": command("runs"),
        "doctor": command("doctor"),
        "compact": command("runs", "compact"),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a check failed, 2 something to mend, 130 stopped by hand."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(args)
    except Spent as error:
        print(f"evolve: {error}. Give more to go on.", file=sys.stderr)
    except (UsageError, Halt) as error:
        print(f"evolve: {error}", file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        where = f" ({error.filename})" if error.filename else ""
        print(f"evolve: {error.strerror}{where}. Make room or mend the permissions, then try again.", file=sys.stderr)
    except KeyboardInterrupt:
        print("evolve: stopped. What was recorded is safe; `python -m evolve runs` lists it.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `log | head`: whoever read has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 2


def _dispatch(args: list[str]) -> int:
    commands = _commands()
    if args and args[0] in commands:
        return commands[args[0]](args[1:])
    if args and args[0] in ("-h", "--help", "help"):
        from evolve.cli.help import HELP

        print(HELP, end="")
        return 0
    if any(arg.startswith("resume=") for arg in args):
        from evolve.cli.resume import main as resume

        return resume(args)
    if args and args[0].isidentifier():
        known = ", ".join(commands)
        raise UsageError(f"There is no command {args[0]!r}. Commands: {known}; or start a run with +domain=NAME.")
    from evolve.cli.configure import start

    return start(args)


if __name__ == "__main__":
    sys.exit(main())
