"""Speed: one command each, with a peer beside every figure."""
