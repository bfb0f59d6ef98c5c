"""Widgets for JupyterLab, and photographs of one's own."""
