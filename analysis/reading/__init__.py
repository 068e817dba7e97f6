"""Events of a file, the same for every input format, close to the decompression limit."""

from analysis.reading.event_file import EventFile, open_events

__all__ = ["EventFile", "open_events"]
