"""`python -m curator`: the same as the command `frieze`."""

from __future__ import annotations

from curator.cli.main import main

if __name__ == "__main__":
    main()
