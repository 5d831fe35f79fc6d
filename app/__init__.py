"""The product: library, command line, web UI."""

import os

# OpenMP's threads would spin while they wait for one another; on a machine that does anything else
# meanwhile, that made a first answer take 18 to 45 seconds instead of 6. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
