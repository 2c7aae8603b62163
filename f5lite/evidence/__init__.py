"""What was measured and what it says: ledger, claims, verdicts, and text computed from figures.

Nothing here draws: `f5lite.lab` shows what this folder finds out.
"""
