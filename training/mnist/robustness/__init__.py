"""Evaluate the robustness of digit recognition on synthetic photos, scans and drawings.

python -m training.mnist.robustness
"""
