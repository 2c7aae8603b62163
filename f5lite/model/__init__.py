"""What F5-TTS is: three stages, the sampler that joins them, and the files they are read from.

Nothing here knows about budgets, widgets or notebooks. Sources: F5-TTS (arXiv 2410.06885), Vocos (arXiv 2306.00814).
"""
