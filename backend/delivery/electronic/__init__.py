"""Electronic delivery: files taken in, rebuilt and stamped, and the links that hand them over."""
