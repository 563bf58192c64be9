"""Run `python -m sharecore`."""

import sys

from sharecore.cli import main

sys.exit(main())
