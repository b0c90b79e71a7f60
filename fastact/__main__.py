"""`python -m fastact`: hands over to cli.py."""

import sys

from fastact.cli import main

sys.exit(main())
