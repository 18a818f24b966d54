"""Templates, style and script of the page. Not code that is imported: files that `evolve.report.html` reads."""
