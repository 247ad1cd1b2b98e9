"""Messages as Linphone and others put them on the wire, and ways to vary them."""

OFFER = """\
v=0
o=alice 1210 2342 IN IP4 192.0.2.10
s=Talk
c=IN IP4 192.0.2.10
t=0 0
a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
a=record:off
m=audio 7100 RTP/AVP 96 97 0 8 18 101 98
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 speex/16000
a=fmtp:97 vbr=on
a=fmtp:18 annexb=yes
a=rtpmap:101 telephone-event/48000
a=rtpmap:98 telephone-event/16000
a=rtcp:7101
a=rtcp-fb:* trr-int 1000
a=rtcp-fb:* ccm tmmbr
""".replace("\n", "\r\n")

ANSWER = """\
v=0
o=- 1 1 IN IP4 198.51.100.1
s=-
c=IN IP4 198.51.100.1
t=0 0
m=audio 10000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=ptime:20
""".replace("\n", "\r\n")

_REGISTER = """\
REGISTER sip:wsphone.test SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5101;branch=z9hG4bK.4dTPmVzQW;rport
From: "Alice" <sip:alice@wsphone.test>;tag=Zbi1dOGh6
To: "Alice" <sip:alice@wsphone.test>
CSeq: 20 REGISTER
Call-ID: KpFfYqRX1n
Max-Forwards: 70
Supported: replaces, outbound, gruu, path, record-aware
Accept: application/sdp
Accept: text/plain
Accept: application/vnd.gsma.rcs-ft-http+xml
Contact: <sip:alice@192.0.2.10:5101;transport=udp;pn-provider=fcm;pn-prid=a:b&c=d;pn-silent=1>\
;+sip.instance="<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>";+org.linphone.specs="lime"
Expires: 120
User-Agent: Linphone-Desktop/5.1.65 (debian) (belle-sip/5.2.0)
Content-Length: 0

"""

_INVITE = """\
INVITE sip:bob@wsphone.test SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5101;branch=z9hG4bK.ikgpD1fRt;rport
From: "Alice" <sip:alice@wsphone.test>;tag=xvSNhXEfm
To: sip:bob@wsphone.test
CSeq: 20 INVITE
Call-ID: UkLmbRk2mP
Max-Forwards: 70
Route: <sip:198.51.100.1:5060;transport=udp;lr>
Supported: replaces, outbound, gruu, path, record-aware
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, PRACK, UPDATE
Contact: <sip:alice@192.0.2.10:5101;transport=udp>\
;+sip.instance="<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>"
User-Agent: Linphone-Desktop/5.1.65 (debian) (belle-sip/5.2.0)
Content-Type: application/sdp
Content-Length: {length}

"""

_OPTIONS = """\
OPTIONS sip:wsphone.test SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5101;branch=z9hG4bK.options;rport
From: <sip:alice@wsphone.test>;tag=opt
To: <sip:wsphone.test>
CSeq: 1 OPTIONS
Call-ID: options-1
Max-Forwards: 70
Content-Length: 0

"""

_OK = """\
SIP/2.0 200 Ok
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKours;rport=5060;received=198.51.100.1
From: <sip:alice@wsphone.test>;tag=ours
To: "Bob" <sip:bob@wsphone.test>;tag=gP3LbTw
Call-ID: our-call@wsphone.test
CSeq: 1 INVITE
User-Agent: Linphone-Desktop/5.1.65 (debian) (belle-sip/5.2.0)
Supported: replaces, outbound, gruu, path, record-aware
Contact: <sip:bob@192.0.2.20:5102;transport=udp>
Record-Route: <sip:proxy-2.test;lr>, <sip:proxy-1.test;lr>
Content-Type: application/sdp
Content-Length: {length}

"""


def wire(text: str, body: str = "") -> bytes:
    """The text as it travels: CRLF line ends, `{length}` filled in, the body behind it."""
    head = text.replace("{length}", str(len(body.encode()))).replace("\n", "\r\n")
    return head.encode() + body.encode()


def edited(message: bytes, *changes: tuple[str, str]) -> bytes:
    """The message with pieces of text exchanged, each of which must be there."""
    text = message.decode()
    for old, new in changes:
        if old not in text:
            raise ValueError(f"{old!r} is not in the message")
        text = text.replace(old, new)
    return text.encode()


REGISTER = wire(_REGISTER)
INVITE = wire(_INVITE, OFFER)
OPTIONS = wire(_OPTIONS)
OK = wire(_OK, ANSWER)
ALL = (REGISTER, INVITE, OPTIONS, OK)
