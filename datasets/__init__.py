"""The data sets of the accuracy runs: which there are, under which licence, and how to get them."""
