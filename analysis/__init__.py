"""The physics of the VHbb analysis: pure functions and frozen dataclasses, free of law."""
