"""Shared code of the TinyImage report series. Modules import one way: see README.md, section Layout."""
