"""The landmark network: garment crop → 81 heatmaps of DeepFashion2's merged slots."""
