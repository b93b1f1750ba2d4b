"""Settings of other trainers as recipes."""
