"""The VHbb analysis as law tasks."""
