"""The servers that this one is compared with, each the plainest good program of its kind."""
