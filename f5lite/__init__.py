"""f5lite: F5-TTS on a small machine, and the course about it."""

__version__ = "0.1.0"
