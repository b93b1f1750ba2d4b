"""Chains: steps of one file, each an ordinary command, done in order and on record."""
