"""What a stack needs of this machine, looked at one by one, each with the command that mends it."""
