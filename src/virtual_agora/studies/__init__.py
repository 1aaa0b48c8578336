"""Studies: the sessions of a design, held one after another, and what comes of them as a table and a page."""
