"""What the models share: codes and their scores, a pair of networks, a Gaussian posterior."""
