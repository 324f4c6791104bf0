"""Errors of what the system sees.

ModelsError
├── InvalidValue (ValueError)     a value of ours that breaks its own rules (shape, range)
├── ImageError (ValueError)       the caller's bytes cannot become an Image
│   ├── UnsupportedFormat         not JPEG, PNG, WebP or GIF
│   ├── ImageTooLarge             more pixels, a longer side or more memory than the limits
│   ├── ImageTooSmall             a side below the limit
│   └── UndecodableImage          damaged, truncated or empty
├── ModelFileError                a model or manifest that cannot be trusted
│   └── AnotherRun                a checkpoint of a run that something else decided
└── ModelBusy                     the networks' queue is full, or their deadline has passed
"""


class ModelsError(Exception):
    """Root of every error raised by `models`."""


class InvalidValue(ModelsError, ValueError):
    """A value breaks the rules of its type."""


class ImageError(ModelsError, ValueError):
    """The bytes cannot become an `Image`; the caller's mistake."""


class UnsupportedFormat(ImageError):
    """The bytes are no JPEG, PNG, WebP or GIF."""


class ImageTooLarge(ImageError):
    """The header announces more pixels, or a longer side, than the limits allow; or decoding takes more memory."""


class ImageTooSmall(ImageError):
    """A side of the photo is shorter than the limit."""


class UndecodableImage(ImageError):
    """The bytes are damaged, truncated or empty."""


class ModelFileError(ModelsError):
    """A model file or its manifest is missing, altered or of another taxonomy."""


class AnotherRun(ModelFileError):
    """A checkpoint folder holds a run that something else decided, or a longer one than was asked for."""


class ModelBusy(ModelsError):
    """The networks' queue is full, or they did not answer in time."""
