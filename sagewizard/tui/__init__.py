"""The Textual app: screens, panes and widgets over the engine; nothing here does IO of its own."""
