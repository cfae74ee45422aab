"""The firmware's own C in a web page: engine, front end and detector as WebAssembly."""
