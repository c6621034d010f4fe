"""What the sandbox keeps on disk: SQLite tables, object payloads and log streams."""
