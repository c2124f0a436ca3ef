"""One folder for each model: its net, its TorchServe configuration, samples and golden set."""
