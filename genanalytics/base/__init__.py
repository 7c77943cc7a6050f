"""What every room may use: text, files written whole, content of any kind, moments."""
