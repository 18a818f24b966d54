"""Painting over what is there."""


def blend(pixels: bytearray, offset: int, colour: list, alpha: int) -> None:
    """Mix the colour into the pixel at `offset`: alpha 255 replaces it, alpha 0 leaves it, rounded half up."""
    for channel in range(3):
        below = pixels[offset + channel]
        pixels[offset + channel] = (colour[channel] * alpha + below * (255 - alpha) + 127) // 255
