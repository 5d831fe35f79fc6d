"""The web UI: one file a tab, wiring only."""

import os

# Gradio reads this when it is imported: no telemetry, no version check, no network at start-up.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
