"""The routes, a class a subject; each method is one engine call."""
