"""What the chat is about: people, rooms, their log, and what can go wrong. Standard library only."""
