"""A real-time chat API: one ordered log per room, over REST and WebSocket."""

__version__ = "0.1.0"
