"""From a zip or folder to batches."""
