"""The training loop that every method plugs into."""

from kws_tfmot.training.training_settings import TrainSettings

__all__ = ["TrainSettings"]
