"""Garments that the project draws itself: a demo without downloads, and photos for tests where no real ones lie."""
