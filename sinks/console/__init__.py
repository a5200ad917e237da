"""The console: a live table on a terminal, JSON lines when piped, lines of text where asked for."""
