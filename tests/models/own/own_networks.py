"""Networks as users write them, over features of 49 x 10, with 4 outputs."""

from __future__ import annotations

import numpy as np

from kws_tfmot.keras import keras
from kws_tfmot.models.own.hard_swish import HardSwish

L = keras.layers
SHAPE, CLASSES = (49, 10), 4


def one_dimensional() -> keras.Model:
    """Sequences: every kind of 1-D layer, tanh, LeakyReLU; ends at logits."""
    inputs = L.Input(SHAPE)
    x = L.ReLU()(L.BatchNormalization()(L.Conv1D(8, 5, strides=2, padding="same")(inputs)))
    x = L.Add()([x, L.SeparableConv1D(8, 3, padding="same", activation="relu")(x)])
    x = L.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="tanh")(L.ZeroPadding1D(1)(x))
    x = L.DepthwiseConv1D(3)(L.MaxPooling1D(2)(x))
    x = L.GlobalAveragePooling1D()(L.LeakyReLU(0.1)(x))
    return keras.Model(inputs, L.Dense(CLASSES)(x))


def squeeze_and_excitation() -> keras.Model:
    """Images: nested models, SE by Multiply, hard-swish, ReLU6, swish, batch norm at every kind of place."""
    inputs = L.Input((*SHAPE, 1))
    x = L.SeparableConv2D(8, 3, strides=2, padding="same")(L.BatchNormalization()(inputs))
    block = [L.Input((25, 5, 8)), L.Conv2D(8, 3, padding="same"), L.BatchNormalization(), L.ReLU(6.0)]
    x = keras.Sequential(block, name="block")(HardSwish()(x))
    gate = L.Dense(4, activation="relu")(L.GlobalAveragePooling2D()(x))
    x = L.Multiply()([x, L.Reshape((1, 1, 8))(L.Dense(8, activation="sigmoid")(gate))])
    x = L.Conv2D(8, 3, activation="swish")(L.BatchNormalization()(L.ReLU()(L.Conv2D(8, 1)(x))))
    x = L.ReLU(6.0)(L.BatchNormalization()(L.Dense(12)(L.Flatten()(x))))
    x = L.ReLU()(L.Dense(8)(L.BatchNormalization()(L.Dropout(0.2)(x))))
    return keras.Model(inputs, L.Dense(CLASSES, activation="softmax")(x))


def recurrent() -> keras.Model:
    """Flat features, Dense over time, TimeDistributed, LSTM."""
    layers = [L.Input((490,)), L.Reshape(SHAPE), L.Dense(12, activation="relu"), L.TimeDistributed(L.Dense(8))]
    return keras.Sequential([*layers, L.LSTM(6), L.Dense(CLASSES, activation="softmax")])


OWN = {"one_dimensional": one_dimensional, "squeeze_and_excitation": squeeze_and_excitation, "recurrent": recurrent}


def made(name: str) -> keras.Model:
    """A network with batch norms that do something."""
    model = OWN[name]()
    rng = np.random.default_rng(0)
    for layer in model.submodules:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model
