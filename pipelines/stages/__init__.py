"""What a build does, stage by stage, over the library and the compiler."""
