"""The web page: one file for each tab. Nothing here computes; it only calls the library."""

import os

# Gradio reads these when it is imported: no telemetry, no version check, no network at start-up,
# and no statistics over all calls, which it would otherwise compute again after every call.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
