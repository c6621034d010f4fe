"""Loading of a user's module; scripts import it beside the others."""
