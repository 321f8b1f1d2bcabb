"""The benchmark: drives a node through its doors, from another process, and imports nothing of the house."""
