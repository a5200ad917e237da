"""What the bot answers, as text: pure functions of what it remembers."""
