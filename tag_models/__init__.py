"""Models that look at images and propose tags and scores."""
