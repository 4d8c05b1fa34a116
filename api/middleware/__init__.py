"""What surrounds every request and every command, one concern a file, each with an HTTP door and a message door."""
