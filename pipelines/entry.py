"""The `kws` command before anything is imported for it: an interruption is one line, however early it comes."""

from __future__ import annotations

from pipelines.interrupted import leave


def main() -> None:
    """Import the command and run it; Ctrl-C while it is imported gives exit code 130."""
    try:
        from pipelines.kws import main as run
    except KeyboardInterrupt:
        leave()
    run()
