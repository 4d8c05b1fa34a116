"""The description of the socket: `/asyncapi.json`, and the page `/docs/ws` that is made from it."""
