"""Omni-sparsity: one training for many sparsities, and the search for the best of them under a device's budget."""

from kws_tfmot.search.omni.omni_settings import EvolutionSettings, OmniSettings

__all__ = ["EvolutionSettings", "OmniSettings"]
