"""."""
def page(report: object) -> str:
    """."""
    return ""
