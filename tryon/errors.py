"""Errors for users: one line that says what is wrong, and what to do."""

# The named reasons of a refusal; `--force` turns the last three into warnings.
REASONS = (
    "unreadable_image",
    "too_small",
    "no_garment_in_user_photo",
    "no_garment_in_shop_photo",
    "garment_cut_off",
    "sleeve_mismatch",
    "view_mismatch",
    "low_confidence",
)
FORCEABLE = REASONS[-3:]


class TryOnError(Exception):
    """An error that the user can fix; the command line prints it as one line."""


class Refusal(TryOnError):
    """A pair or photo that is refused, with one of `REASONS`.

    Args:
        reason: the name, for programs.
        message: what is wrong and what to do, for people.
    """

    def __init__(self, reason: str, message: str):
        if reason not in REASONS:
            raise ValueError(f"expected a reason among {REASONS}, got {reason!r}")
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class MissingModel(TryOnError):
    """A model is missing, or is not the file its card describes."""
