"""int8 by TFMOT: quantisation-aware training that keeps zeros and clusters."""
