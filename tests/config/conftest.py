from tests.support.obstacles import nobodys_folder

__all__ = ["nobodys_folder"]
