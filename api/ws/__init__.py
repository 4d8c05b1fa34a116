"""Sockets: the handshake, one connection's life, its commands."""
