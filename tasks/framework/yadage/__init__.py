"""Yadage specifications: read, checked beyond what yadage checks, and run as law tasks."""
