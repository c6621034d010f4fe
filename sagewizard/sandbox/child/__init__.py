"""What makes a program of somebody's own see AWS as the sandbox: its environment, and a hook in Python."""
