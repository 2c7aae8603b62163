"""The texts and checks of each lesson, a file each; `lab.start("03")` loads lesson_03. Nothing to run here."""
