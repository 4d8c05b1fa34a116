"""A real-time chat API: one ordered log per room, over REST and WebSocket."""
