"""A frame as a file of one form, and back."""
