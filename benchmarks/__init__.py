"""What the main things cost in time and memory; measured and printed, never asserted."""
