"""The functions around a model; scripts import it beside the others."""
