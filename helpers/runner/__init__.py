"""The series run headless: which notebooks, each in a process of its own, side by side, with one progress display."""
