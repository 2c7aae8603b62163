"""The bundled voice, from nothing: corpus, alignment, acoustic model, vocoder, evaluation, export. See README.md."""
