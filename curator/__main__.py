"""The entry point, as `frieze` and as `python -m curator`: an interrupt ends it quietly from the very first import."""

from __future__ import annotations


def main() -> None:
    """Never returns: exits with the command's code."""
    try:  # nothing is imported before it: that takes long enough to be interrupted
        from curator.cli.main import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
