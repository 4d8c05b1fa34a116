"""What is kept: one transaction at a time through the writer, snapshots beside it."""
