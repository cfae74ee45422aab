"""The steps that operators are lowered to, one a file: each is a kernel of the runtime and all that is known of it."""
