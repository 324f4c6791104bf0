"""The garment detector: Faster R-CNN on a light trunk, trained on what we have and measured through the serving code."""
