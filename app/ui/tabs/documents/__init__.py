"""The library tab: documents, what was found in them, tags, saving and opening."""
