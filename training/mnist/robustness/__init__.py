"""Digits as people send them: synthetic pictures with a fixed seed, and the accuracy on them.

python -m training.mnist.robustness
"""
