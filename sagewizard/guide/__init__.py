"""The guided wizard for plain terminals: the same steps as the app, asked one question at a time."""
