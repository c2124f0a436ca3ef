"""What training gives, as a page of pictures and tables: `python -m training.mnist.report`."""
