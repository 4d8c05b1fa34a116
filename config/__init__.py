"""What is decided outside the code: settings from the environment, and how log lines look."""
