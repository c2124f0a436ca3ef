"""Digits as people really send them: pictures made with a fixed seed, and how well the service's way of reading does.

python -m training.wild
"""

import sys
from pathlib import Path

# What is measured is the handler's own code, whose modules import each other by bare name: archives are flat.
sys.path.append(str(Path(__file__).parents[2] / "handlers"))
