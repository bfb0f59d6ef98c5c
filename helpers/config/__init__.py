"""Recipes, profiles, facts of the report and display names, as data."""
