"""What a server on CPython needs: ASGI, and static files by Cloudflare's rules."""
