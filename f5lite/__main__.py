"""`python -m f5lite` is the same as the `f5lite` command."""

import sys

from f5lite.cli import main

sys.exit(main())
