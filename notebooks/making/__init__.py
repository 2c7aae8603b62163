"""How lessons are made: sources in, executed notebooks out, and what every lesson must be. Not part of the package."""
