"""Language models that carry a compressive memory from segment to segment."""
