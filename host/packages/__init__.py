"""Where the programs of a native service come from: one module a source, tried in a fixed order."""
