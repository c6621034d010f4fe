"""The recorded runs that ship with the program; `python -m sagewizard.recorded` makes them anew."""
