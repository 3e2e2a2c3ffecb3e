"""From whatever Keras takes as data to checked batches, in an order that can be resumed."""
