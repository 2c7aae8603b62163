"""One module for each command of `f5lite`: HELP, add_arguments(parser), run(options) -> exit code.

A new file here is a new command: `f5lite.cli` finds it. HELP has to be a plain string, so that the list of
commands can be printed without importing any of them.
"""
