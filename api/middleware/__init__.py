"""What happens around every request and every message: one concern a file, with an HTTP door and a message door."""
