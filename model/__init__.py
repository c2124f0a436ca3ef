"""The two nets of the study path. Nothing here knows of training or serving."""

from model.net import Net
from model.xor_model import XORModel

__all__ = ["Net", "XORModel"]
