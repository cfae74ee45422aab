"""The operations that operators are lowered to, one a file: each is a kernel of the runtime and what is known of it."""
