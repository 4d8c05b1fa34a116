"""What the chat does: authorise, store, then tell who listens. No framework, no SQL."""
