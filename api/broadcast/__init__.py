"""From the commit to the sockets: manager, dispatchers, hub, outboxes, and the broker between processes."""
