"""Widgets of the app; import each from its own module."""
