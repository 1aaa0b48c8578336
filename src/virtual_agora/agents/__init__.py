"""The members of the assembly: each turns what it must know into a request, and reads the answer's type."""
