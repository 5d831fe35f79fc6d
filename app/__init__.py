"""The product: library, command line, web page."""

import os

# By default OpenMP's threads use the CPU even while they wait for each other. On a machine that was
# also doing other work, a first answer then took 18 to 45 seconds instead of 6. torch reads this
# variable when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
