"""The wire, sans-I/O: no await, no socket, no clock."""
