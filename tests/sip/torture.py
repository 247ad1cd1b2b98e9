"""The messages of RFC 4475, by its names: what is valid and odd, and what is not valid at all."""

SDP = """\
v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
""".replace("\n", "\r\n")


def invite(
    name: str,
    *,
    start: str = "INVITE sip:user@example.com SIP/2.0",
    to: str = "sip:user@example.com",
    from_: str = "sip:caller@example.net;tag=8814",
    cseq: str = "1 INVITE",
    via: str | None = None,
    contact: str = "<sip:caller@host.example.net>",
    length: str | None = None,
    more: str = "",
    kind: str = "application/sdp",
    body: str = SDP,
) -> bytes:
    """A request that differs from a plain INVITE in what the message `name` is about."""
    lines = [
        start,
        f"To: {to}",
        f"From: {from_}",
        "Max-Forwards: 70" if "Max-Forwards" not in more else "",
        f"Call-ID: {name}.0ha0isndaksdjasdf3234nas",
        f"CSeq: {cseq}",
        f"Via: {via or f'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{name}'}",
        f"Contact: {contact}" if contact else "",
        more,
        f"Content-Type: {kind}" if body else "",
        f"Content-Length: {len(body) if length is None else length}" if length != "none" else "",
    ]
    return "\r\n".join([*filter(None, lines), "", body]).encode("utf-8", "surrogateescape")


def other(name: str, method: str, target: str = "sip:user@example.com", **parts: str) -> bytes:
    """The same of another method, without a body."""
    cseq = parts.pop("cseq", f"1 {method}")
    start = parts.pop("start", f"{method} {target} SIP/2.0")
    return invite(name, start=start, cseq=cseq, body=parts.pop("body", ""), **parts)


WSINV = (
    """\
INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : {length}
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

""".replace("{length}", str(len(SDP)))
    .replace("\n", "\r\n")
    .encode()
    + SDP.encode()
)

LONG = "very" * 25 + "long"

# Name, message, and what it gets: "call" where it begins one, a code, or None for no answer.
VALID: list[tuple[str, bytes, int | str | None]] = [
    # Its To has a tag of a dialog that we do not know, as it would have once it was read.
    ("wsinv", WSINV, 481),
    (
        "intmeth",
        other(
            "intmeth",
            "!interesting-Method0123456789_*+`.%indeed'~",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
            "(doesn't-it)@example.com",
            to='"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)@example.com>',
        ),
        # Its quoted control characters are the one thing of it that we refuse to carry.
        None,
    ),
    (
        "intmeth without control characters",
        other(
            "intmeth2",
            "!interesting-Method0123456789_*+`.%indeed'~",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
            "(doesn't-it)@example.com",
        ),
        501,
    ),
    (
        "esc01",
        invite(
            "esc01",
            start="INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
            to="sip:%75se%72@example.com",
            from_="<sip:I%20have%20spaces@example.net>;tag=938",
        ),
        "call",
    ),
    (
        "escnull",
        other(
            "escnull",
            "REGISTER",
            to="sip:null-%00-null@example.com",
            contact="<sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>",
        ),
        # Legal, and refused here: a name with a NUL in it is nobody's, and a trap for what follows.
        400,
    ),
    ("esc02", other("esc02", "RE%47IST%45R", to='"%Z%45" <sip:resource@example.com>'), 501),
    ("lwsdisp", other("lwsdisp", "OPTIONS", from_="caller<sip:caller@example.com>;tag=323"), 200),
    (
        "longreq",
        invite(
            "longreq",
            start=f"INVITE sip:user@{LONG}.example.com SIP/2.0",
            to=f'"I have a user name of {LONG * 4} proportion"<sip:user@example.com:6000;{LONG}=1>',
            from_=f"sip:{LONG}@example.net;tag=12982424{LONG};unknown{LONG}={LONG}",
            more=f"Unknown-{LONG}: {LONG}; {LONG}={LONG}, {LONG}",
        ),
        "call",
    ),
    (
        "dblreq",
        other("dblreq", "REGISTER", contact="sip:j.user@host.example.com")
        + other("dblreq2", "INVITE"),
        "register",
    ),
    ("semiuri", other("semiuri", "OPTIONS", "sip:user;par=u%40example.net@example.com"), 200),
    (
        "transports",
        other(
            "transports",
            "OPTIONS",
            via="SIP/2.0/UDP t1.example.org;branch=z9hG4bKkdjuw, SIP/2.0/SCTP t2.example.com"
            ";branch=z9hG4bKklasjdhf, SIP/2.0/TLS t3.example.org;branch=z9hG4bK2980unddj"
            ", SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en"
            ", SIP/2.0/TCP t5.example.org;branch=z9hG4bK0a9idfnee",
        ),
        200,
    ),
    (
        "mpart01",
        other(
            "mpart01",
            "MESSAGE",
            kind='multipart/mixed;boundary="7a9cbec02ceef655"',
            body="--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
            "--7a9cbec02ceef655--\r\n",
        ),
        405,
    ),
    ("unreason", b"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe\r\nVia: SIP/2.0/UDP a\r\n\r\n", None),
    ("noreason", b"SIP/2.0 100 \r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\n\r\n", None),
    # 3.2 to 3.4: of the transaction layer, of applications, and from before RFC 3261.
    ("badbranch", other("", "OPTIONS", via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), 200),
    ("unkscm", other("unkscm", "OPTIONS", "nobodyKnowsThisScheme:totallyopaquecontent"), 416),
    ("novelsc", other("novelsc", "OPTIONS", "soap.beep://192.0.2.103:3002"), 416),
    ("unksm2", other("unksm2", "OPTIONS", to="isbn:2983792873"), 200),
    (
        "bext01",
        other("bext01", "OPTIONS", more="Require: nothingSupportsThis, nothingSupportsThisEither"),
        420,
    ),
    ("invut", invite("invut", kind="application/unknownformat", body="<audio/>\r\n"), 415),
    (
        "mcl01",
        other("mcl01", "OPTIONS", length="13", more="Content-Length: 5", body="There's no way"),
        400,
    ),
    ("zeromf", other("zeromf", "OPTIONS", more="Max-Forwards: 0"), 200),
    (
        "cparam01",
        other("cparam01", "REGISTER", contact="sip:+19725552222@gw1.example.net;unknownparam"),
        "register",
    ),
    (
        "regescrt",
        other(
            "regescrt",
            "REGISTER",
            contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
        ),
        "register",
    ),
    (
        "cparam02",
        other("cparam02", "REGISTER", contact="<sip:+19725552222@gw1.example.net;unknownparam>"),
        "register",
    ),
    (
        "regaut01",
        other("regaut01", "REGISTER", more="Authorization: NoOneKnowsThisScheme opaque-data=here"),
        "register",
    ),
    ("sdp01", invite("sdp01", more="Accept: text/nobodyKnowsThis"), "call"),
    (
        "inv2543",
        invite("inv2543", via="SIP/2.0/UDP iftgw.example.com", from_="<sip:a@b>;tag=1"),
        "call",
    ),
]

INVALID: list[tuple[str, bytes, int | str | None]] = [
    # Of what RFC 4475 leaves to the element, we refuse what could smuggle headers (escruri) or be
    # read in two ways (regbadct), and overlook what nobody reads (baddate) or mistakes (badaspec).
    (
        "escruri",
        invite("escruri", start="INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0"),
        400,
    ),
    ("baddate", invite("baddate", more="Date: Fri, 01 Jan 2010 16:00:00 EST"), "call"),
    (
        "regbadct",
        other(
            "regbadct",
            "REGISTER",
            contact="sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        ),
        400,
    ),
    (
        "badaspec",
        other("badaspec", "OPTIONS", to='"Watson, Thomas" < sip:t.watson@example.org >'),
        200,
    ),
    (
        "bcast",
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n"
        b"Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\n"
        b"Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf\r\nCSeq: 35 INVITE\r\n"
        b"From: sip:user@example.com;tag=11141343\r\n"
        b"To: sip:user@example.edu;tag=2229\r\nContact: <sip:user@host28.example.com>\r\n\r\n",
        None,
    ),
    (
        "badinv01",
        invite(
            "badinv01",
            via="SIP/2.0/UDP 192.0.2.15;;,;,,",
            contact='"Joe" <sip:joe@example.org>;;;;',
        ),
        # With a Via like this there is nobody to tell.
        None,
    ),
    ("clerr", invite("clerr", length="9999"), 400),
    ("ncl", invite("ncl", length="-999"), 400),
    (
        "scalar02",
        other(
            "scalar02",
            "REGISTER",
            cseq="36893488147419103232 REGISTER",
            more="Max-Forwards: 300\r\nExpires: 10000000000000000000000000000000000000",
        ),
        400,
    ),
    (
        "scalarlg",
        b"SIP/2.0 503 Service Unavailable\r\nCSeq: 9292394834772304023312 OPTIONS\r\n\r\n",
        None,
    ),
    ("quotbal", invite("quotbal", to='"Mr. J. User <sip:j.user@example.com>'), 400),
    ("ltgtruri", invite("ltgtruri", start="INVITE <sip:user@example.com> SIP/2.0"), 400),
    ("lwsruri", invite("lwsruri", start="INVITE sip:user@example.com; lr SIP/2.0"), None),
    ("lwsstart", invite("lwsstart", start="INVITE  sip:user@example.com  SIP/2.0"), None),
    ("trws", other("trws", "OPTIONS", start="OPTIONS sip:user@example.com SIP/2.0  "), None),
    (
        "baddn",
        other("baddn", "OPTIONS", from_="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"),
        400,
    ),
    ("badvers", other("badvers", "OPTIONS", start="OPTIONS sip:user@example.com SIP/7.0"), 505),
    ("mismatch01", other("mismatch01", "OPTIONS", cseq="8 INVITE"), 400),
    ("mismatch02", other("mismatch02", "NEWMETHOD", cseq="8 INVITE"), 400),
    ("bigcode", b"SIP/2.0 4294967301 better not break the receiver\r\nVia: x\r\n\r\n", None),
    (
        "insuf",
        b"INVITE sip:user@example.com SIP/2.0\r\nCSeq: 193942 INVITE\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\nContent-Length: 0\r\n\r\n",
        400,
    ),
    (
        "multi01",
        invite(
            "multi01",
            more="To: sip:other@example.com\r\nFrom: sip:caller@example.net;tag=3413415\r\n"
            "CSeq: 8 INVITE\r\nCall-ID: multi01.another\r\nMax-Forwards: 5",
        ),
        400,
    ),
]
