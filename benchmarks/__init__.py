"""What the application takes beside others, by one command: `make bench`."""
