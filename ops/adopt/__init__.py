"""Taking containers, volumes and networks that exist into a stack's state, as they are."""
