"""Models that look at pictures and propose tags and scores."""
