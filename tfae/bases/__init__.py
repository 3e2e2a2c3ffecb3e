"""Base classes of the models: autoencoding, encoder-decoder models, Gaussian posteriors."""
