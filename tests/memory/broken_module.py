"""A module that can't be imported: the meter must say so rather than pass over it."""

raise RuntimeError("broken on purpose")
