"""Webhook URLs: read once, by one parser, and judged without the network.

Guards are fooled where the code that checks a URL and the code that dials read it differently. So the parts that are
checked here are the parts that are dialled: the sender never parses the text again. Whatever two readers could
understand differently (backslashes, credentials, percent-encoded hosts, ``127.1``) is refused instead of repaired.

Names are not resolved here: a receiver may not exist yet when its endpoint is created. What a name resolves to is
judged at each test and each delivery, by the same :class:`~event_service.webhooks.addresses.AddressGuard`.
"""

from __future__ import annotations

import ipaddress
import re
import stringprep
import unicodedata
from dataclasses import dataclass, field
from encodings import idna
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from event_service.base.errors import BadUserInput
from event_service.webhooks.addresses import AddressGuard, IpAddress, parse_ipv4_spelling

MAXIMUM_URL_CHARACTERS = 2048
MAXIMUM_HOST_CHARACTERS = 253
MAXIMUM_LABEL_CHARACTERS = 63

# The ports that the Fetch standard (section "Port blocking") forbids to browsers: services there may take parts of an
# HTTP request for commands of their own protocol (mail, IRC, FTP, X11 and the like).
BLOCKED_PORTS = frozenset(
    (
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110),
        *(111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531),
        *(532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060),
        *(5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    )
)

# Names that never lead to a public host. `.test` and `.example` are special-use as well but lead nowhere at all, and
# people write them in first experiments: they are taken, and fail at delivery like any name that does not resolve.
_NEVER_PUBLIC = {
    "local": "names under .local belong to the local network (multicast DNS)",
    "localdomain": "names under .localdomain belong to the local network",
    "internal": "names under .internal belong to a private network; clouds serve instance metadata there",
    "intranet": "names under .intranet belong to a private network",
    "private": "names under .private belong to a private network",
    "corp": "names under .corp belong to a private network",
    "home": "names under .home belong to a private network",
    "mail": "names under .mail belong to a private network",
    "lan": "names under .lan belong to a private network",
    "home.arpa": "names under .home.arpa belong to a home network",
}
_NEVER_HTTP = {
    "onion": "names under .onion exist only inside the Tor network",
    "alt": "names under .alt are outside the DNS",
    "invalid": "names under .invalid are reserved and never resolve",
    "arpa": "names under .arpa belong to the infrastructure of the internet",
}
# Resolved through the hosts file or a search domain of the cloud, whatever the public DNS says.
_METADATA_NAMES = frozenset(("metadata.google.internal", "metadata.goog", "metadata.azure.internal", "instance-data.ec2.internal"))

_LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOOKS_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
# RFC 3490, section 3.1: all of these separate labels.
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")
# Letters that IDNA 2003 (the standard library's) and IDNA 2008 map to different names.
_AMBIGUOUS_LETTERS = frozenset("\u00df\u03c2\u1e9e")
_PORT = re.compile(r"[0-9]{1,5}")

# Sent as they are: unreserved, reserved and the percent sign of what is already encoded. All else is percent-encoded.
_SENT_AS_IS = "!$%&'()*+,/:;=?@-._~[]"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """What an operator decides about webhook URLs."""

    guard: AddressGuard = field(default_factory=AddressGuard)
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A URL taken apart.

    Attributes:
        given: The text as it was given; this is what API answers echo.
        scheme: ``https`` or ``http``.
        host: Lower case ASCII (IDNA applied), without brackets and final dot: what is resolved, and what TLS checks.
        address: The address when ``host`` is a literal one, else ``None``.
        port: The one given, or the scheme's.
        target: Path and query as sent in the request line: ASCII, percent-encoded, from the first ``/`` on.
    """

    given: str
    scheme: Literal["http", "https"]
    host: str
    address: IpAddress | None
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header: brackets around IPv6, the port only where it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"

    @property
    def normalised(self) -> str:
        """The URL in the one spelling that is dialled."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_webhook_url(given: str, rules: UrlRules, name: str = "url") -> WebhookUrl:
    """Reads and judges a URL; nothing is resolved and nothing is dialled.

    Args:
        given: The text, 1 to 2048 characters.
        rules: The operator's rules.
        name: What the sentence calls the argument.

    Raises:
        BadUserInput: The URL breaks a rule. The sentence names the rule and what is allowed; it never repeats the whole
            URL, which may hold a password.
    """
    try:
        return _parse(given, rules)
    except _RefusedUrl as refused:
        raise BadUserInput(f"{name}: {refused}") from None


class _RefusedUrl(Exception):
    """The rest of a sentence that begins with the name of the argument."""


# Every delivery reads its endpoint's URL again, so that a rule that changed applies; under load these are few different ones.
@lru_cache(maxsize=1024)
def _parse(given: str, rules: UrlRules) -> WebhookUrl:
    _check_characters(given)
    scheme, rest = _split_scheme(given, rules)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    target = rest[len(authority) :]
    if "@" in authority:
        raise _RefusedUrl(
            "it holds a user name or password before the host. Credentials in a URL end up in logs; "
            "check the webhook-signature header in the receiver instead."
        )
    host_text, port = _split_port(authority, scheme)
    host, address = _parse_host(host_text, rules.guard)
    if "#" in target:
        raise _RefusedUrl("it has a fragment (#...), which is never sent to a server; leave it out.")
    if not target.startswith("/"):
        target = "/" + target
    return WebhookUrl(given=given, scheme=scheme, host=host, address=address, port=port, target=quote(target, safe=_SENT_AS_IS))


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _check_characters(given: str) -> None:
    if not given:
        raise _RefusedUrl("it is empty; give an absolute URL such as https://example.com/webhooks.")
    if len(given) > MAXIMUM_URL_CHARACTERS:
        raise _RefusedUrl(f"it has {len(given)} characters; at most {MAXIMUM_URL_CHARACTERS} are allowed.")
    for position, character in enumerate(given, start=1):
        # The category of these characters is the same in the Unicode data of every supported Python.
        if character == "\\":
            raise _RefusedUrl(f"character {position} is a backslash, which programs read differently; write / or %5C.")
        if unicodedata.category(character) in ("Cc", "Zs", "Zl", "Zp", "Cs"):
            raise _RefusedUrl(
                f"character {position} (U+{ord(character):04X}) is a space, a control character or half of one; "
                "write it percent-encoded (%20) or leave it out."
            )


def _split_scheme(given: str, rules: UrlRules) -> tuple[Literal["http", "https"], str]:
    allowed = "https:// or http://" if rules.allow_http else "https://"
    match = _SCHEME.match(given)
    scheme = match.group(1).lower() if match else ""
    rest = given[match.end() :] if match else given
    if match is None or not rest.startswith("//"):
        raise _RefusedUrl(f"it is not an absolute URL; it has to begin with {allowed}.")
    if scheme == "https":
        return "https", rest[2:]
    if scheme != "http":
        shown = scheme if len(scheme) <= 20 else scheme[:17] + "..."
        raise _RefusedUrl(f"the scheme {shown!r} cannot carry a webhook; it has to begin with {allowed}.")
    if not rules.allow_http:
        raise _RefusedUrl("http would send events unencrypted; use https. (An operator can allow http with the parameter AllowHttp.)")
    return "http", rest[2:]


def _split_port(authority: str, scheme: str) -> tuple[str, int]:
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket:
            raise _RefusedUrl("the bracket of the IPv6 address is not closed; write https://[2600::1]/.")
        host += bracket
    else:
        host, colon, after = authority.partition(":")
        rest = colon + after
    if not rest:
        return host, _default_port(scheme)
    if not rest.startswith(":") or not _PORT.fullmatch(rest[1:]) or not 1 <= int(rest[1:]) <= 65535:
        raise _RefusedUrl("the port has to be a number from 1 to 65535, after one colon; an IPv6 address needs brackets.")
    port = int(rest[1:])
    if port in BLOCKED_PORTS:
        raise _RefusedUrl(f"port {port} belongs to a service that is not HTTP; no request is sent there.")
    return host, port


def _parse_host(text: str, guard: AddressGuard) -> tuple[str, IpAddress | None]:
    if not text:
        raise _RefusedUrl("it has no host; give an absolute URL such as https://example.com/webhooks.")
    if text.startswith("["):
        return _parse_ipv6(text[1:-1], guard)
    if "%" in text:
        raise _RefusedUrl("the host is percent-encoded; write it in plain letters.")
    host = ".".join(_to_ascii(label) for label in _labels(text))
    if len(host) > MAXIMUM_HOST_CHARACTERS:
        raise _RefusedUrl(f"the host has {len(host)} characters; the DNS allows {MAXIMUM_HOST_CHARACTERS}.")
    if _LOOKS_NUMERIC.fullmatch(host.rpartition(".")[2]):
        return _parse_ipv4(host, guard)
    _check_name(host, guard)
    return host, None


def _labels(text: str) -> list[str]:
    labels = _OTHER_DOTS.sub(".", text).split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()  # one final dot means the same name, without search domains
    if not all(labels):
        raise _RefusedUrl("the host has an empty part between dots.")
    return labels


def _to_ascii(label: str) -> str:
    """One label in lower case ASCII, by IDNA 2003: its tables are frozen, so that every Python answers alike."""
    if len(label) > MAXIMUM_LABEL_CHARACTERS:
        raise _RefusedUrl(f"the host has a part of {len(label)} characters between dots; the DNS allows {MAXIMUM_LABEL_CHARACTERS}.")
    if not label.isascii():
        if any(
            character in _AMBIGUOUS_LETTERS or unicodedata.category(character) == "Cf" or stringprep.in_table_a1(character)
            for character in label
        ):
            raise _RefusedUrl("the host has a letter that versions of IDNA encode differently; write it in its xn-- form.")
        try:
            label = idna.ToASCII(label).decode("ascii")
        except UnicodeError:
            raise _RefusedUrl("the host is not a valid internationalised name; write it in its xn-- form.") from None
    label = label.lower()
    if not _LABEL.fullmatch(label):
        raise _RefusedUrl(
            "the host has a part that is no name: 1 to 63 letters, digits, hyphens and underscores are allowed between dots, "
            "and no hyphen at either end."
        )
    return label


def _parse_ipv4(host: str, guard: AddressGuard) -> tuple[str, IpAddress]:
    address = parse_ipv4_spelling(host)
    if address is None:
        raise _RefusedUrl("the host ends in a number but is not an IPv4 address; write four numbers from 0 to 255, or a name.")
    _check_address(address, guard)
    if str(address) != host:
        raise _RefusedUrl(f"the host is a rare spelling of an IPv4 address that programs read differently; write {address}.")
    return host, address


def _parse_ipv6(text: str, guard: AddressGuard) -> tuple[str, IpAddress]:
    if "%" in text:
        raise _RefusedUrl("the IPv6 address has a zone (%...), which has a meaning on one host only; leave it out.")
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise _RefusedUrl("between the brackets stands no IPv6 address; write it like [2600:1f18::1].") from None
    _check_address(address, guard)
    return _compressed(address), address


def _compressed(address: ipaddress.IPv6Address) -> str:
    """``str``, except that mapped addresses are written in one way: from CPython 3.13 on ``str`` has another one."""
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}"


def _check_address(address: IpAddress, guard: AddressGuard) -> None:
    reason = guard.refusal(address)
    if reason is not None:
        raise _RefusedUrl(f"the host is an address that webhooks may not reach: {reason}. Use a public address or name.")


def _check_name(host: str, guard: AddressGuard) -> None:
    if host in _METADATA_NAMES:
        raise _RefusedUrl("the host is a metadata service of a cloud, which webhooks may not reach.")
    if _is_under(host, "localhost"):
        if any(guard.refusal(address) is None for address in _LOOPBACK):
            return
        raise _RefusedUrl("localhost is the machine that sends, not yours; give a host that can be reached from the internet.")
    for suffix, reason in _NEVER_PUBLIC.items():
        if _is_under(host, suffix):
            # who allowed a private network also has names in it; what they resolve to is still judged at delivery
            if guard.allowed_networks:
                return
            raise _RefusedUrl(f"{reason}; give a host that can be reached from the internet.")
    for suffix, reason in _NEVER_HTTP.items():
        if _is_under(host, suffix):
            raise _RefusedUrl(f"{reason}; give a host that can be reached from the internet.")
    if "." not in host and not guard.allowed_networks:
        raise _RefusedUrl("the host has no dot: such names exist only inside a network; give a full name such as example.com.")


def _is_under(host: str, suffix: str) -> bool:
    return host == suffix or host.endswith("." + suffix)
