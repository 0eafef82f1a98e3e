"""How spokes talk HTTP: paced, timed-out, authenticated, and with our errors.

httpx is imported in this package and nowhere else (docs/adr/0002).
"""

from httpx import BaseTransport as Transport
from httpx import MockTransport, Request, Response

from hub.http.auth import Auth, Basic, Bearer, HeaderKey
from hub.http.client import Client
from hub.http.oauth import ClientCredentials, JwtBearer, RefreshToken
from hub.http.pace import Rate, Take
from hub.http.quota import Quota
from hub.http.safe import check_address
from hub.http.signing import HmacKey, Signing
from hub.http.tokens import MemoryTokens, Token, Tokens

__all__ = [
    "Auth",
    "Basic",
    "Bearer",
    "Client",
    "ClientCredentials",
    "HeaderKey",
    "HmacKey",
    "JwtBearer",
    "MemoryTokens",
    "MockTransport",
    "Quota",
    "Rate",
    "RefreshToken",
    "Request",
    "Response",
    "Signing",
    "Take",
    "Token",
    "Tokens",
    "Transport",
    "check_address",
]
