"""The three families of networks, a module each: from scaled images to what the output layer reads."""
