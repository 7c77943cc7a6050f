"""The statistics by the question that they answer."""
