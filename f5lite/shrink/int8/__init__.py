"""Technique 2: 8-bit weights in a file that is used where it lies (`file`, `convert`, `load`), and the arithmetic (`engines`)."""
