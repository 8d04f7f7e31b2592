"""How Pulumi and its plugins get onto a machine. See README.md."""
