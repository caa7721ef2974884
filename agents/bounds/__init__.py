"""What no policy can do better than: the exact solution of small raids, and bounds for all."""
