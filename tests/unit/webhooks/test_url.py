"""Webhook URLs: read once, judged without the network, refused with a sentence that helps."""

# ruff: noqa: RUF001 - letters that look alike are what is tested

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from event_service.base.errors import BadUserInput
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.url import BLOCKED_PORTS, UrlRules, WebhookUrl, parse_webhook_url
from tests.unit.webhooks.test_addresses import not_public

RULES = UrlRules()
HTTP_TOO = UrlRules(allow_http=True)
LOCAL = UrlRules(guard=AddressGuard.allowing(["127.0.0.0/8", "::1/128"]), allow_http=True)


def refusal(given_url: str, rules: UrlRules = RULES) -> str:
    with pytest.raises(BadUserInput) as refused:
        parse_webhook_url(given_url, rules)
    assert len(refused.value.problems) == 1
    return refused.value.message


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("https://web-hook.server.com", "web-hook.server.com", 443, "/", "web-hook.server.com"),
        ("https://example.com/a/b?c=d&e=f", "example.com", 443, "/a/b?c=d&e=f", "example.com"),
        ("https://example.com?x", "example.com", 443, "/?x", "example.com"),
        ("https://example.com?", "example.com", 443, "/?", "example.com"),
        ("https://example.com/a?", "example.com", 443, "/a?", "example.com"),
        ("HTTPS://Example.COM/Path", "example.com", 443, "/Path", "example.com"),
        ("https://example.com:8443/", "example.com", 8443, "/", "example.com:8443"),
        ("https://example.com:443/", "example.com", 443, "/", "example.com"),
        ("https://example.com:00443/", "example.com", 443, "/", "example.com"),
        ("https://example.com./x", "example.com", 443, "/x", "example.com"),
        ("https://a_b.example.com/", "a_b.example.com", 443, "/", "a_b.example.com"),
        ("https://bücher.example/grüße", "xn--bcher-kva.example", 443, "/gr%C3%BC%C3%9Fe", "xn--bcher-kva.example"),
        ("https://пример.рф/", "xn--e1afmkfd.xn--p1ai", 443, "/", "xn--e1afmkfd.xn--p1ai"),
        ("https://例え。テスト/", "xn--r8jz45g.xn--zckzah", 443, "/", "xn--r8jz45g.xn--zckzah"),
        ("https://ｅｘａｍｐｌｅ.com/", "example.com", 443, "/", "example.com"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/", "8.8.8.8"),
        ("https://[2600:1f18:0::1]/", "2600:1f18::1", 443, "/", "[2600:1f18::1]"),
        ("https://[2600:1F18::1]:8443/", "2600:1f18::1", 8443, "/", "[2600:1f18::1]:8443"),
        ("https://[64:ff9b::8.8.8.8]/", "64:ff9b::808:808", 443, "/", "[64:ff9b::808:808]"),
        ("https://[::ffff:8.8.8.8]/", "::ffff:808:808", 443, "/", "[::ffff:808:808]"),
        ("https://example.com/%2e%2E/../x", "example.com", 443, "/%2e%2E/../x", "example.com"),
        ('https://example.com/{"a"}|^`<>', "example.com", 443, "/%7B%22a%22%7D%7C%5E%60%3C%3E", "example.com"),
        ("https://example.com/a@b:c", "example.com", 443, "/a@b:c", "example.com"),
        ("https://example.com//", "example.com", 443, "//", "example.com"),
        ("https://receiver.test/", "receiver.test", 443, "/", "receiver.test"),
        ("https://notlocalhost.com/", "notlocalhost.com", 443, "/", "notlocalhost.com"),
        ("https://internal.example.com/", "internal.example.com", 443, "/", "internal.example.com"),
        ("https://1.example.com/", "1.example.com", 443, "/", "1.example.com"),
        ("https://0x.example.com/", "0x.example.com", 443, "/", "0x.example.com"),
    ],
)
def test_a_good_url_is_taken_apart_and_kept_as_given(url: str, host: str, port: int, target: str, authority: str) -> None:
    parsed = parse_webhook_url(url, RULES)

    assert (parsed.host, parsed.port, parsed.target, parsed.authority) == (host, port, target, authority)
    assert parsed.given == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "it is empty; give an absolute URL such as https://example.com/webhooks."),
        ("https://example.com/" + "x" * 2029, "it has 2049 characters; at most 2048 are allowed."),
        ("x" * 3072, "it has 3072 characters; at most 2048 are allowed."),
        ("example.com/hook", "it is not an absolute URL; it has to begin with https://."),
        ("//example.com/hook", "it is not an absolute URL; it has to begin with https://."),
        ("https:example.com", "it is not an absolute URL; it has to begin with https://."),
        ("https:/example.com", "it is not an absolute URL; it has to begin with https://."),
        ("ftp://example.com/", "the scheme 'ftp' cannot carry a webhook"),
        ("file:///etc/passwd", "the scheme 'file' cannot carry a webhook"),
        ("javascript://alert", "the scheme 'javascript' cannot carry a webhook"),
        ("gopher://example.com/", "the scheme 'gopher' cannot carry a webhook"),
        ("http://example.com/", "http would send events unencrypted; use https."),
        ("https://", "it has no host"),
        ("https:///path", "it has no host"),
        ("https://?query", "it has no host"),
        ("https://:443/", "it has no host"),
        ("https://./", "the host has an empty part between dots."),
        ("https://a..b/", "the host has an empty part between dots."),
        ("https://.example.com/", "the host has an empty part between dots."),
        ("https://example.com../", "the host has an empty part between dots."),
        ("https://user:secret@example.com/", "it holds a user name or password before the host."),
        ("https://user@example.com/", "it holds a user name or password before the host."),
        ("https://@example.com/", "it holds a user name or password before the host."),
        ("https://example.com@169.254.169.254/", "it holds a user name or password before the host."),
        ("https://example.com\\@127.0.0.1/", "character 20 is a backslash"),
        ("https:\\\\example.com/", "character 7 is a backslash"),
        (" https://example.com/", "character 1 (U+0020) is a space, a control character"),
        ("https://example.com/ ", "character 21 (U+0020) is a space, a control character"),
        ("https://exa\tmple.com/", "character 12 (U+0009)"),
        ("https://example.com/\r\nx-injected: 1", "character 21 (U+000D)"),
        ("https://example.com/\x00", "character 21 (U+0000)"),
        ("https://example.com/\x7f", "character 21 (U+007F)"),
        ("https://example.com/\u00a0", "character 21 (U+00A0)"),
        ("https://example.com/\u2028", "character 21 (U+2028)"),
        ("https://example.com/\ud800", "character 21 (U+D800)"),
        ("https://example.com/#part", "it has a fragment (#...), which is never sent"),
        ("https://example.com#@127.0.0.1/", "it has a fragment (#...), which is never sent"),
        ("https://example.com:/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:0/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:65536/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:-1/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:+80/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:8_0/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:٤٤٣/", "the port has to be a number from 1 to 65535"),
        ("https://example.com:443:443/", "the port has to be a number from 1 to 65535"),
        ("https://2600:1f18::1/", "an IPv6 address needs brackets"),
        ("https://[2600:1f18::1]443/", "the port has to be a number from 1 to 65535"),
        ("https://[2600:1f18::1", "the bracket of the IPv6 address is not closed"),
        ("https://[example.com]/", "between the brackets stands no IPv6 address"),
        ("https://[v1.fe80]/", "between the brackets stands no IPv6 address"),
        ("https://[127.0.0.1]/", "between the brackets stands no IPv6 address"),
        ("https://[]/", "between the brackets stands no IPv6 address"),
        ("https://exa[mple].com/", "the host has a part that is no name"),
        ("https://example.com:22/", "port 22 belongs to a service that is not HTTP"),
        ("https://example.com:6667/", "port 6667 belongs to a service that is not HTTP"),
        ("https://-example.com/", "the host has a part that is no name"),
        ("https://example-.com/", "the host has a part that is no name"),
        ("https://exam!ple.com/", "the host has a part that is no name"),
        ("https://*.example.com/", "the host has a part that is no name"),
        ("https://exam,ple.com/", "the host has a part that is no name"),
        ("https://" + "a" * 64 + ".com/", "the host has a part of 64 characters between dots; the DNS allows 63."),
        ("https://" + ".".join(["a" * 60] * 5) + "/", "the host has 304 characters; the DNS allows 253."),
        ("https://faß.de/", "a letter that versions of IDNA encode differently"),
        ("https://exa\u200dmple.com/", "a letter that versions of IDNA encode differently"),
        ("https://exa\u00admple.com/", "a letter that versions of IDNA encode differently"),
        ("https://\U0001fae8.example.com/", "a letter that versions of IDNA encode differently"),
        ("https://a\u2100b.com/", "the host has a part that is no name"),
        ("https://example\u2024com/", "the host has a part that is no name"),
        ("https://\u05d0a.com/", "the host is not a valid internationalised name"),
        ("https://%6cocalhost/", "the host is percent-encoded"),
        ("https://127.0.0.1/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://127.1/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://0/", "the host is an address that webhooks may not reach: it means 'this host'"),
        ("https://0x7f.1/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://0177.0.0.1/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://2130706433/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://127.0.0.1./", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://①②⑦.0.0.1/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://１２７.０.０.１/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://127。0。0。1/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://0X7F000001/", "the host is an address that webhooks may not reach: it is a loopback address."),
        ("https://%31%32%37.0.0.1/", "the host is percent-encoded"),
        ("https://169.254.169.254/latest/meta-data", "clouds serve instance metadata and credentials there"),
        ("https://10.0.0.8:8443/x", "it belongs to a private network"),
        ("https://[::1]/", "it is the loopback address"),
        ("https://[0:0:0:0:0:0:0:1]/", "it is the loopback address"),
        ("https://[::]/", "it is the unspecified address"),
        ("https://[::ffff:127.0.0.1]/", "it holds the IPv4 address 127.0.0.1: it is a loopback address"),
        ("https://[::127.0.0.1]/", "it is an IPv4-compatible address"),
        ("https://[64:ff9b::169.254.169.254]/", "it holds the IPv4 address 169.254.169.254"),
        ("https://[2002:7f00:1::]/", "it is a 6to4 tunnel"),
        ("https://[fe80::1%25eth0]/", "the IPv6 address has a zone"),
        ("https://[2600:1f18::1%eth0]/", "the IPv6 address has a zone"),
        ("https://[fd00:ec2::254]/", "it belongs to a private network (unique local)"),
        ("https://134744072/", "a rare spelling of an IPv4 address that programs read differently; write 8.8.8.8."),
        ("https://8.8.2056/", "a rare spelling of an IPv4 address that programs read differently; write 8.8.8.8."),
        ("https://256.256.256.256/", "the host ends in a number but is not an IPv4 address"),
        ("https://example.1/", "the host ends in a number but is not an IPv4 address"),
        ("https://example.0x1f/", "the host ends in a number but is not an IPv4 address"),
        ("https://1.2.3.4.5/", "the host ends in a number but is not an IPv4 address"),
        ("https://localhost/", "localhost is the machine that sends, not yours"),
        ("https://LOCALHOST:8443/", "localhost is the machine that sends, not yours"),
        ("https://localhost./", "localhost is the machine that sends, not yours"),
        ("https://foo.localhost/", "localhost is the machine that sends, not yours"),
        ("https://ｌocalhost/", "localhost is the machine that sends, not yours"),
        ("https://printer.local/", "names under .local belong to the local network"),
        ("https://hooks.internal/", "names under .internal belong to a private network"),
        ("https://router.home.arpa/", "names under .home.arpa belong to a home network"),
        ("https://nas.lan/", "names under .lan belong to a private network"),
        ("https://metadata.google.internal/", "metadata service of a cloud"),
        ("https://metadata.goog/", "metadata service of a cloud"),
        ("https://abc.onion/", "exist only inside the Tor network"),
        ("https://abc.alt/", "outside the DNS"),
        ("https://abc.invalid/", "reserved and never resolve"),
        ("https://1.0.0.127.in-addr.arpa/", "belong to the infrastructure of the internet"),
        ("https://intranet/", "names under .intranet belong to a private network"),
        ("https://kubernetes/", "the host has no dot"),
        ("https://com/", "the host has no dot"),
    ],
)
def test_a_bad_url_is_refused_with_what_is_wrong_and_what_is_allowed(url: str, sentence: str) -> None:
    message = refusal(url)

    assert message.startswith("url: ")
    assert message.endswith((".", ".)"))
    assert sentence in message


def test_a_url_may_have_2048_characters() -> None:
    url = "https://example.com/" + "x" * 2028
    assert len(parse_webhook_url(url, RULES).given) == 2048


def test_no_sentence_repeats_a_password() -> None:
    for url in ("https://user:hunter2@example.com/", "http://user:hunter2@example.com/", "ftp://user:hunter2@example.com/"):
        assert "hunter2" not in refusal(url)


def test_http_is_taken_only_where_the_operator_allows_it() -> None:
    parsed = parse_webhook_url("http://example.com/x", HTTP_TOO)

    assert (parsed.scheme, parsed.port, parsed.authority) == ("http", 80, "example.com")
    assert parse_webhook_url("http://example.com:443/", HTTP_TOO).authority == "example.com:443"
    assert "https:// or http://" in refusal("ws://example.com/", HTTP_TOO)
    assert "loopback" in refusal("http://127.0.0.1/", HTTP_TOO)
    assert "localhost" in refusal("http://localhost/", HTTP_TOO)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9999/hook", "http://localhost:9999/hook", "http://[::1]:9999/", "http://a.localhost/"])
def test_an_allowed_loopback_network_makes_local_receivers_usable(url: str) -> None:
    assert parse_webhook_url(url, LOCAL).given == url


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://metadata.google.internal/", "http://169.254.169.254/", "http://abc.onion/"])
def test_an_allowed_network_opens_nothing_else(url: str) -> None:
    refusal(url, LOCAL)


@pytest.mark.parametrize("url", ["https://hooks.internal/", "https://receiver/", "https://nas.lan:8443/"])
def test_private_names_are_taken_where_a_network_is_allowed(url: str) -> None:
    rules = UrlRules(guard=AddressGuard.allowing(["10.0.0.0/8"]))

    assert parse_webhook_url(url, rules).address is None
    assert "localhost" in refusal("https://localhost/", rules)


def test_every_blocked_port_is_refused_and_the_usual_ones_are_not() -> None:
    assert all(f"port {port} belongs" in refusal(f"https://example.com:{port}/") for port in BLOCKED_PORTS)
    assert [parse_webhook_url(f"https://example.com:{port}/", RULES).port for port in (80, 443, 3000, 5000, 8000, 8080, 8443, 65535)]


def spellings(number: int) -> list[str]:
    """One address in the ways that resolvers, browsers and IDNA understand."""
    a, b, c, d = number.to_bytes(4, "big")
    dotted = f"{a}.{b}.{c}.{d}"
    wide = dotted.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    return [
        dotted,
        dotted + ".",
        str(number),
        hex(number),
        hex(number).upper().replace("X", "x"),
        f"0{number:o}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:02x}.{b}.0{c:o}.{d}",
        f"{a:04d}.{b}.{c}.{d}" if a < 8 else f"0{a:o}.{b}.{c}.{d}",
        wide,
        dotted.replace(".", "。"),
        dotted.replace(".", "．"),
        "".join(f"%{ord(character):02x}" for character in dotted),
        f"[::ffff:{dotted}]",
        f"[::{dotted}]",
        f"[64:ff9b::{dotted}]",
        f"[::ffff:{a:02x}{b:02x}:{c:02x}{d:02x}]",
        f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]",
        f"[2600::5efe:{dotted}]",
        f"user@{dotted}",
        f"{dotted}:80",
    ]


@given(not_public)
def test_no_spelling_of_an_address_that_is_not_public_is_taken(number: int) -> None:
    for host in spellings(number):
        with pytest.raises(BadUserInput):
            parse_webhook_url(f"http://{host}/", HTTP_TOO)
        with pytest.raises(BadUserInput):
            parse_webhook_url(f"https://{host}", RULES)


def taken(url: str) -> WebhookUrl | None:
    try:
        return parse_webhook_url(url, HTTP_TOO)
    except BadUserInput:
        return None


urls = st.one_of(
    st.text(max_size=40).map("https://".__add__),
    st.text(alphabet="aB1.0:/?#@[]%\\-_xé。 \t٤", max_size=30).map("http://example.com".__add__),
    st.text(alphabet="aB1.0:/?#@[]%\\-_xé。ß", max_size=30).map("https://".__add__),
    st.builds(
        lambda host, port, path: f"https://{host}:{port}/{path}",
        st.from_regex(r"[a-zA-Z0-9.\-]{1,20}\.com", fullmatch=True),
        st.integers(0, 70000),
        st.text(max_size=20),
    ),
)


@given(urls)
@example("http://example.com?")
@example("http://example.com/a?")
@example("http://example.com/?")
def test_what_is_taken_reads_the_same_to_every_other_parser(url: str) -> None:
    parsed = taken(url)
    if parsed is None:
        return

    split, dialled = urlsplit(parsed.normalised), URL(parsed.normalised, encoded=True)
    assert split.hostname == dialled.raw_host == parsed.host
    assert (split.port or parsed.port) == dialled.port == parsed.port
    assert split.username is dialled.raw_user is None
    # yarl drops the question mark of an empty query; what is sent is the target itself, as the tests of the sender show
    assert dialled.raw_path_qs == (parsed.target[:-1] if parsed.target.find("?") == len(parsed.target) - 1 else parsed.target)
    assert parsed.normalised.isascii()
    assert parsed.normalised.isprintable()
    again = parse_webhook_url(parsed.normalised, HTTP_TOO) if len(parsed.normalised) <= 2048 else None
    assert again is None or (again.host, again.port, again.target, again.address) == (
        parsed.host,
        parsed.port,
        parsed.target,
        parsed.address,
    )


@given(st.integers(0, 2**128 - 1).map(lambda number: number >> 3 | 1 << 125))
def test_an_ipv6_literal_is_dialled_as_the_address_that_was_judged(number: int) -> None:
    parsed = taken(f"https://[{ipaddress.IPv6Address(number).exploded}]/")

    assert parsed is None or ipaddress.ip_address(parsed.host) == parsed.address == ipaddress.IPv6Address(number)
