"""A model as a package of a tool chain: engine, front end, detector and examples under a name of their own."""
