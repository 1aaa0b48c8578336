"""The configuration: its model, the files it is read from, and the files a new user begins with."""
