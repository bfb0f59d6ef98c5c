"""Shared code of the TinyImage report series; docs/architecture.md describes its packages."""
