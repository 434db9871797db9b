"""The security headers: what a browser may do with an answer of this server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.datastructures import MutableHeaders

# Styles: React sets style attributes through the DOM, which CSP does not count; `style-src-attr`
# is for the ones that libraries write as text (virtual lists). Scripts are files of ours, only, and
# no text becomes markup: there is no policy of Trusted Types that could let it.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_UNUSED_FEATURES: Final = (
    *("accelerometer", "autoplay", "bluetooth", "camera", "display-capture", "encrypted-media"),
    *("fullscreen", "geolocation", "gyroscope", "hid", "local-fonts", "magnetometer", "microphone"),
    *("midi", "payment", "picture-in-picture", "publickey-credentials-get", "screen-wake-lock"),
    *("serial", "usb", "web-share", "xr-spatial-tracking"),
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED_FEATURES),
}
STRICT_TRANSPORT: Final = "max-age=31536000"
"""A year. Names below this one are not the server's business."""


def set_security_headers(headers: MutableHeaders, *, scheme: str) -> None:
    """Add the headers, and `no-store` where nothing else was said, to those of an answer.

    `scheme` is how the client came here: over TLS, it is told to do so for a year.
    """
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    if scheme == "https":
        headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
