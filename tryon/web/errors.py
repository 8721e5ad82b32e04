"""What the API answers when it cannot do what is asked."""

from tryon.errors import Refusal

# Names of errors beside the refusals of `tryon.errors.REASONS`, with their HTTP status.
STATUSES = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "unsupported_type": 415,
    "busy": 429,
    "cancelled": 409,
    "internal_error": 500,
    "stopping": 503,
    "timeout": 504,
    "upload_timeout": 408,
}
REFUSED = 422


class ApiError(Exception):
    """A request that is not done.

    Args:
        name: one of `STATUSES`, for programs.
        message: what is wrong and what to do, for people.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(self, name: str, message: str, retry_after: int | None = None):
        super().__init__(f"{name}: {message}")
        self.name, self.message, self.retry_after = name, message, retry_after


def describe(error: ApiError | Refusal) -> tuple[int, dict[str, str]]:
    """Return an error's HTTP status and its JSON.

    Messages of refusals name the command line's options; here they are fields.

    Example:
        >>> describe(ApiError("busy", "try again"))
        (429, {'error': 'busy', 'message': 'try again'})
    """
    if isinstance(error, ApiError):
        return STATUSES[error.name], {"error": error.name, "message": error.message}
    message = error.message.replace("--instance", "instance").replace("--force", "force")
    return REFUSED, {"error": error.reason, "message": message}
