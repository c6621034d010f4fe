"""The environment of a container; scripts import it beside the others."""
