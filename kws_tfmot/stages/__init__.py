"""The stages of a build, each a function of a :class:`~kws_tfmot.stages.build.Build`."""
