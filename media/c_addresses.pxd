"""Addresses of sockets in C's form, and the way from Python's and back."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memset

cdef extern from "<arpa/inet.h>" nogil:
    enum: AF_INET, AF_INET6, INET6_ADDRSTRLEN
    int inet_pton(int family, const char *text, void *address)
    const char *inet_ntop(int family, const void *address, char *text, unsigned int size)
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)
    uint32_t htonl(uint32_t value)
    uint32_t ntohl(uint32_t value)

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        uint16_t sa_family

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        uint32_t s_addr
    struct sockaddr_in:
        uint16_t sin_family, sin_port
        in_addr sin_addr
    struct in6_addr:
        uint8_t s6_addr[16]
    struct sockaddr_in6:
        uint16_t sin6_family, sin6_port
        uint32_t sin6_flowinfo, sin6_scope_id
        in6_addr sin6_addr

cdef union Address:
    sockaddr any
    sockaddr_in four
    sockaddr_in6 six


cdef inline bint is_same(const Address *one, const Address *two):
    if one.any.sa_family != two.any.sa_family:
        return False
    if one.any.sa_family == AF_INET:
        return (
            one.four.sin_port == two.four.sin_port
            and one.four.sin_addr.s_addr == two.four.sin_addr.s_addr
        )
    return (
        one.six.sin6_port == two.six.sin6_port
        and one.six.sin6_scope_id == two.six.sin6_scope_id
        and memcmp(&one.six.sin6_addr, &two.six.sin6_addr, sizeof(in6_addr)) == 0
    )


cdef inline bint to_address(tuple address, Address *made) except -1:
    """Python's form of a socket's address into C's; False when its host is a name, say."""
    cdef bytes host = address[0].encode()
    memset(made, 0, sizeof(Address))
    if b":" not in host:
        made.four.sin_family, made.four.sin_port = AF_INET, htons(address[1])
        return inet_pton(AF_INET, host, &made.four.sin_addr) == 1
    made.six.sin6_family, made.six.sin6_port = AF_INET6, htons(address[1])
    if len(address) == 4:
        made.six.sin6_flowinfo, made.six.sin6_scope_id = htonl(address[2]), address[3]
    return inet_pton(AF_INET6, host, &made.six.sin6_addr) == 1


cdef inline tuple from_address(const Address *address):
    cdef char host[INET6_ADDRSTRLEN]
    if address.any.sa_family == AF_INET:
        inet_ntop(AF_INET, &address.four.sin_addr, host, INET6_ADDRSTRLEN)
        return (<bytes> host).decode(), ntohs(address.four.sin_port)
    inet_ntop(AF_INET6, &address.six.sin6_addr, host, INET6_ADDRSTRLEN)
    return (
        (<bytes> host).decode(),
        ntohs(address.six.sin6_port),
        ntohl(address.six.sin6_flowinfo),
        address.six.sin6_scope_id,
    )
