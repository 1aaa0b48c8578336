def send(to, text):
    print(f"to {to}: {text}")
