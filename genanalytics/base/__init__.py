"""The lowest room: text, files written completely, packed files, locks, moments."""
