"""Turn an image file into the 28×28 pixels that MNIST would have made of it; `pipeline` holds the steps in order."""
