import importlib.util

pytest_plugins = ["pytester"]

# The kit is tested without the application beside it, too.
collect_ignore = [] if importlib.util.find_spec("virtual_agora") else ["test_agora_history.py"]
