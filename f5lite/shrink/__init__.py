"""The techniques: each makes F5-TTS smaller or faster, and each can be used on its own."""
