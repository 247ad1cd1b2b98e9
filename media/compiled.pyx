# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The fast path: the next packet of a steady stream goes from socket to socket and meets no Python.

What it has to know of an engine's objects lies in the structures here. Their logic is in the Python
classes made from these, which see every other packet: there is one state, and two that work on it.
So `Reader.relay` may do only what Side.take, Incoming.note, Side.put and Outgoing.rewrite would.
"""

import logging
from asyncio import get_running_loop

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython cimport final
from libc.errno cimport errno
from libc.stdint cimport int32_t, uint8_t, uint32_t, uintptr_t
from libc.string cimport memset

from media.c_addresses cimport (
    AF_INET,
    Address,
    from_address,
    is_same,
    sockaddr,
    sockaddr_in,
    sockaddr_in6,
    socklen_t,
    to_address,
)

log = logging.getLogger(__name__)

cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    ssize_t recvfrom(
        int fd, void *data, size_t size, int flags, sockaddr *source, socklen_t *length
    )
    ssize_t sendto(
        int fd, const void *data, size_t size, int flags, const sockaddr *target, socklen_t length
    )

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLLIN, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    union epoll_data:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int most, int timeout)

cdef extern from "<time.h>" nogil:
    enum: CLOCK_MONOTONIC
    struct timespec:
        long tv_sec, tv_nsec
    int clock_gettime(int clock, timespec *now)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    # As in media.packet.
    AUDIO = 1
    HEADER_SIZE = 12
    MAX_PACKET = 1500
    PLAIN_FIRST_BYTE = 0x80
    MARKER = 0x80
    LEAP_SECONDS = 2
    # RFC 5761, section 4.
    RTCP_FIRST = 192
    RTCP_LAST = 223
    # How many sockets are read before the loop turns to its other work.
    MOST_AT_ONCE = 64

ctypedef int (*InPlace)(void *context, void *packet, int *size)


cdef class IncomingFields:
    """Those of media.reception.Incoming."""

    cdef public long long received, late
    cdef public long long _rate, _source, _highest, _here, _transit, _jitter
    cdef public bint _timed


cdef class OutgoingFields:
    """Those of media.packet.Outgoing."""

    cdef public long long source, _rate, _sequence, _timestamp, _from
    cdef public long long _sequence_shift, _timestamp_shift
    cdef public double _at
    cdef public bint _begun, _renumber


cdef class SideFields:
    """Those of media.side.Side; `_audio_type` is -1 where no audio is to be sent."""

    cdef public long long heard, _sent, _octets, _dropped
    cdef public double heard_at
    cdef public object sink, tap, _timer
    cdef public OutgoingFields stream
    cdef public IncomingFields _incoming
    cdef public bytes _kinds
    cdef public int _audio_type
    cdef public Wire wire


cdef class SourceFields:
    """Those of the peers' SSRCs in media.aiortc_hooks."""

    cdef public long long last


@final
cdef class SrtpFunction:
    """As in media.uncompiled."""

    cdef InPlace function
    cdef void *context
    cdef uint8_t *packet
    cdef int room, place
    cdef SourceFields sources
    cdef object view, kept

    def __cinit__(
        self,
        uintptr_t function,
        uintptr_t context,
        bytearray buffer,
        int room,
        SourceFields sources,
        int place,
        kept,
    ):
        self.function, self.context = <InPlace> function, <void *> context
        self.packet, self.view = octets_of(buffer), memoryview(buffer)
        self.room, self.place = room, place
        self.sources, self.kept = sources, kept

    def __call__(self, int length):
        return self.run(length)

    cdef int run(self, int length) except -1:
        cdef int size = length
        if not 0 <= length <= self.room or self.function(self.context, self.packet, &size):
            return 0
        cdef uint32_t source
        if self.sources is not None:
            source = word(self.packet + self.place)
            if source != self.sources.last:
                self.sources.note(source)
        return size


@final
cdef class Wire:
    """As in media.uncompiled."""

    cdef public object keys
    cdef public SideFields side
    cdef public long long last_source
    cdef uint8_t *packet
    cdef object view
    cdef int fd
    cdef Address target, source
    cdef bint aimed, hears, hears_all

    def __cinit__(self, bytearray buffer):
        self.packet, self.view = octets_of(buffer), memoryview(buffer)
        self.fd = self.last_source = -1

    @property
    def is_aimed(self):
        return self.aimed

    def aim(self, sock, address):
        self.aimed = address is not None and to_address(address, &self.target)
        self.fd = sock.fileno() if self.aimed else -1

    def hear(self, address):
        self.hears = address is not None and to_address(address, &self.source)
        self.hears_all = False

    def hear_all(self):
        self.hears_all = True

    def close(self):
        self.aimed = self.hears = self.hears_all = False
        self.fd, self.side = -1, None

    cpdef bint send(self, int length) except -1:
        if self.keys is None:
            return self.write(length)
        if not self.aimed:
            return False
        protect = self.keys.protect
        if type(protect) is SrtpFunction:
            length = (<SrtpFunction> protect).run(length)
        else:
            length = protect(length)
        return length > 0 and self.write(length)

    cpdef bint write(self, int size) except -1:
        if not self.aimed:
            return False
        cdef socklen_t length = sizeof(sockaddr_in6)
        if self.target.any.sa_family == AF_INET:
            length = sizeof(sockaddr_in)
        # A full socket buffer, or a network that just went: audio that is late is lost.
        return sendto(self.fd, self.packet, size, MSG_DONTWAIT, &self.target.any, length) == size

    cdef bint knows(self, const Address *source):
        return self.hears_all or (self.hears and is_same(source, &self.source))


@final
cdef class Reader:
    """As in media.uncompiled; all sockets that are ready are read by one call."""

    cdef uint8_t *packet
    cdef object view, loop
    cdef size_t room
    cdef int epoll
    cdef dict sockets

    def __cinit__(self, bytearray buffer):
        self.packet, self.view, self.room = octets_of(buffer), memoryview(buffer), len(buffer)
        self.epoll, self.sockets = -1, {}

    def __dealloc__(self):
        if self.epoll >= 0:
            close(self.epoll)

    def add(self, sock, received, Wire wire=None):
        if self.epoll < 0:
            self.open()
        cdef epoll_event event
        memset(&event, 0, sizeof(event))
        event.events, event.data.fd = EPOLLIN, sock.fileno()
        if epoll_ctl(self.epoll, EPOLL_CTL_ADD, event.data.fd, &event):
            raise OSError(errno, "a socket cannot be waited for")
        self.sockets[event.data.fd] = received, wire

    def remove(self, sock):
        if self.sockets.pop(sock.fileno(), None) is None:
            return
        cdef epoll_event event
        epoll_ctl(self.epoll, EPOLL_CTL_DEL, sock.fileno(), &event)
        if not self.sockets:
            self.loop.remove_reader(self.epoll)
            close(self.epoll)
            self.epoll, self.loop = -1, None

    cdef int open(self) except -1:
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise OSError(errno, "sockets cannot be waited for")
        self.loop = get_running_loop()
        self.loop.add_reader(self.epoll, self.read)
        return 0

    def read(self):
        """Take one datagram of each socket that has any; the loop calls again while one has."""
        cdef epoll_event events[MOST_AT_ONCE]
        cdef int index, count = epoll_wait(self.epoll, events, MOST_AT_ONCE, 0)
        for index in range(count):
            # None: what came to another socket had it closed.
            entry = self.sockets.get(events[index].data.fd)
            if entry is None:
                continue
            try:
                self.take(events[index].data.fd, entry[0], entry[1])
            except Exception:
                # Whatever a datagram brings about, the others are read.
                log.exception("a datagram could not be handled")

    cdef int take(self, int fd, received, Wire wire) except -1:
        cdef Address source
        cdef socklen_t length = sizeof(source)
        memset(&source, 0, sizeof(source))
        cdef ssize_t size = recvfrom(
            fd, self.packet, self.room, MSG_DONTWAIT, &source.any, &length
        )
        if size < 0:
            return 0
        if wire is None or not wire.knows(&source) or not self.relay(wire, size):
            data = PyBytes_FromStringAndSize(<char *> self.packet, size)
            received(data, from_address(&source))
        return 0

    cdef bint relay(self, Wire wire, int length) except -1:
        """Pass a packet on if it is the next of a steady stream; else nothing is done.

        Its header is in the clear, so all is known before libsrtp, which keeps a count, is asked.
        """
        cdef uint8_t *packet = self.packet
        cdef SideFields side = wire.side
        if side is None or side.tap is not None or not isinstance(side.sink, SideFields):
            return False
        if not HEADER_SIZE <= length <= MAX_PACKET or packet[0] != PLAIN_FIRST_BYTE:
            return False
        if RTCP_FIRST <= packet[1] <= RTCP_LAST:
            return False
        if PyBytes_AS_STRING(side._kinds)[packet[1] & 0x7F] != AUDIO:
            return False
        cdef SrtpFunction opener = None
        if wire.keys is not None:
            opens = wire.keys.opener
            if type(opens) is not SrtpFunction:
                return False
            opener = opens
        elif wire.hears_all:
            return False
        cdef SideFields other = side.sink
        if other._audio_type < 0 or other._timer is not None or other.wire is None:
            return False
        cdef uint32_t sequence = packet[2] << 8 | packet[3]
        cdef uint32_t timestamp = word(packet + 4), source = word(packet + 8)
        cdef IncomingFields incoming = side._incoming
        if source != incoming._source or ((sequence - incoming._highest) & 0xFFFF) != 1:
            return False
        cdef OutgoingFields stream = other.stream
        if source != stream._from or stream._renumber:
            return False
        cdef uint32_t number = (sequence + stream._sequence_shift) & 0xFFFF
        cdef uint32_t stamp = timestamp + <uint32_t> stream._timestamp_shift
        cdef uint32_t step = stamp - <uint32_t> stream._timestamp
        if ((number - stream._sequence) & 0xFFFF) != 1 or step > LEAP_SECONDS * stream._rate:
            return False

        cdef double now = monotonic()
        if opener is not None:
            length = opener.run(length)
            if length < HEADER_SIZE:
                side._dropped += 1
                return True
        wire.last_source = source
        side.heard += 1
        side.heard_at = now
        count(incoming, now, timestamp)
        stream._sequence = number
        if step:
            stream._timestamp, stream._at = stamp, now
        packet[1] = (packet[1] & MARKER) | other._audio_type
        packet[2], packet[3] = number >> 8, number & 0xFF
        put_word(packet + 4, stamp)
        put_word(packet + 8, <uint32_t> stream.source)
        if other.wire.send(length):
            other._sent += 1
            other._octets += length - HEADER_SIZE
        else:
            other._dropped += 1
        return True


cdef void count(IncomingFields incoming, double now, uint32_t timestamp):
    """What Incoming.note does with the packet that was expected next."""
    cdef long long transit = <long long> (now * incoming._rate) - timestamp
    cdef long long change = <int32_t> <uint32_t> (transit - incoming._transit)
    change = -change if change < 0 else change
    incoming.received += 1
    incoming._highest += 1
    incoming._here += 1
    if incoming._timed and change < incoming._rate:
        incoming._jitter += change - ((incoming._jitter + 8) >> 4)
    incoming._transit, incoming._timed = transit, True


cdef uint8_t *octets_of(bytearray buffer):
    """Where they lie; whoever keeps this keeps a memoryview too, which holds them there."""
    return <uint8_t *> PyByteArray_AS_STRING(buffer)


cdef inline uint32_t word(const uint8_t *octets):
    return (
        <uint32_t> octets[0] << 24
        | <uint32_t> octets[1] << 16
        | <uint32_t> octets[2] << 8
        | octets[3]
    )


cdef inline void put_word(uint8_t *octets, uint32_t value):
    octets[0], octets[1] = value >> 24, value >> 16 & 0xFF
    octets[2], octets[3] = value >> 8 & 0xFF, value & 0xFF


cdef inline double monotonic():
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9
