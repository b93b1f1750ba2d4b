"""Models that look at images: taggers, scorers, captioners."""
