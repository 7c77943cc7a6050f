"""The bill, explained: unit prices out of billed records, and what each dollar was for."""
