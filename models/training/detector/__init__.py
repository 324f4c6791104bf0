"""The garment detector: Faster R-CNN on a light trunk, trained on what we have, measured through the serving code."""
