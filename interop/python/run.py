"""Runs the flows of every client, or of those named: run.py [CLIENT...]"""

import importlib
import pathlib
import sys

from house import failures

here = pathlib.Path(__file__).parent
for path in sorted((here / "clients").glob("*.py")):
    if len(sys.argv) == 1 or path.stem in sys.argv[1:]:
        importlib.import_module(f"clients.{path.stem}")
sys.exit(1 if failures else 0)
