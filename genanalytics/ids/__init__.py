"""What a generation id is, and how ids are read out of whatever holds them."""
