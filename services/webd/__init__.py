"""webd: HTTP and HTTPS for browsers. It talks to lockerd through ``services.api`` and holds no key but the leaf's."""
