"""Keys and signatures: the only place that holds a secret, and the only one that imports PyNaCl."""
