"""What a record is: its columns, how an answer becomes one, the typed frame."""
