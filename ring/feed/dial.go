package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Dial says how DialSource and DialSink connect. The zero value will do, but for tls.
type Dial struct {
	// TLS is for tls: and, if it is not nil, unix: (see TLSFiles). At least version 1.3
	// is spoken. Without a ServerName it is the host of the address.
	TLS *tls.Config
	// Timeout bounds each try, TLS's handshake included; 0: 10 s.
	Timeout time.Duration
	// Retry says when to connect again: see ReaderOf and WriterOf.
	Retry Retry
	// Dialer is for what else there is to choose: addresses, keep-alive, Control.
	Dialer net.Dialer
}

// handshakeTime is how long a peer may take to begin to speak as agreed.
const handshakeTime = 10 * time.Second

// Addresses are those that DialSource, DialSink and Listen take.
const Addresses = "tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH, unix://@NAME or unixpacket: likewise"

// DialSource returns the source of the messages that the listener at address sends, one of
// Addresses (@NAME is in Linux' abstract namespace). It is ReaderOf with connections. A unixpacket
// socket (SOCK_SEQPACKET) keeps messages apart itself: f is not used, and may be nil. See DatagramsFrom
// and DatagramsTo for what it carries.
func DialSource(address string, f Framing, d Dial) (Source, error) {
	t, err := parseAddress(address, &d.TLS)
	if err != nil {
		return nil, err
	}
	return ReaderOf(func(ctx context.Context) (io.ReadCloser, error) { return t.dial(ctx, &d) }, f, d.Retry), nil
}

// DialSink returns the sink that sends messages to the listener at address, one of Addresses. It is
// WriterOf with connections: what has not arrived when one breaks, as Writer has it, is sent
// to the next. What the peer sends is thrown away. f as in DialSource.
//
// A TLS server may refuse this side, for its certificate or for the want of one, when its TCP has acknowledged
// messages already. So nothing is taken for arrived until the server has
// sent a session ticket, as servers do that accept a client, or a second has passed.
func DialSink(address string, f Framing, d Dial) (Sink, error) {
	t, err := parseAddress(address, &d.TLS)
	if err != nil {
		return nil, err
	}
	return WriterOf(func(ctx context.Context) (io.WriteCloser, error) { return t.dialSink(ctx, &d) }, f, d.Retry), nil
}

// target is an address that is understood.
type target struct {
	network, address, url string
	secure                bool
}

// parseAddress understands one of Addresses; the TLS configuration that config points to
// is made one of version 1.3.
func parseAddress(address string, config **tls.Config) (target, error) {
	wrong := false
	scheme, rest, _ := strings.Cut(address, "://")
	t := target{network: scheme, address: rest, url: address}
	switch scheme {
	case "tls", "tcp":
		t.network, t.secure = "tcp", scheme == "tls"
		wrong = !hostPort(rest)
	case "unix", "unixpacket":
		t.secure = scheme == "unix" && *config != nil
		wrong = len(rest) < 2 || rest[0] != '/' && rest[0] != '@'
	default:
		wrong = true
	}
	switch {
	case wrong:
		return t, fmt.Errorf("feed: expected %s, found %q", Addresses, address)
	case t.network != "tcp" && longName(rest) != nil:
		return t, fmt.Errorf("feed: %s: %w", address, longName(rest))
	case t.secure && *config == nil:
		return t, fmt.Errorf("feed: %s: expected a TLS configuration, found none", address)
	case scheme == "unixpacket" && *config != nil:
		return t, fmt.Errorf("feed: %s: a TLS configuration is given, which is for streams: expected unix://%s", address, rest)
	case !t.secure && *config != nil:
		return t, fmt.Errorf("feed: %s: a TLS configuration is given: expected tls://%s", address, rest)
	}
	if t.secure {
		*config = atLeast13(*config)
	}
	return t, nil
}

// hostPort tells whether s is HOST:PORT. A number that is no port would be tried for ever.
func hostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil || port == "" || strings.ContainsAny(s, "/?#") {
		return false
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return !errors.Is(err, strconv.ErrRange) // the name of a service
	}
	return n >= 0 && n <= math.MaxUint16
}

// longName refuses what no Unix socket can be called.
func longName(path string) error {
	most := len(syscall.RawSockaddrUnix{}.Path)
	if path[0] != '@' {
		most-- // a NUL ends it
	}
	if len(path) > most {
		return fmt.Errorf("expected at most %d bytes for the name of a Unix socket, found %d: %w", most, len(path), syscall.ENAMETOOLONG)
	}
	return nil
}

// dial connects, and shakes hands if it is TLS.
func (t target) dial(ctx context.Context, d *Dial) (net.Conn, error) {
	limit := d.Timeout
	if limit <= 0 {
		limit = handshakeTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no connection within %v", limit))
	defer cancel()
	c, err := t.connect(ctx, d)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, fmt.Errorf("feed: %s: %w", t.url, err)
	}
	return c, nil
}

func (t target) connect(ctx context.Context, d *Dial) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, t.network, t.address)
	if err != nil || !t.secure {
		return c, err
	}
	config := d.TLS
	if config.ServerName == "" && !config.InsecureSkipVerify && t.network == "tcp" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(t.address)
	}
	secure := tls.Client(c, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS: %w", err), c.Close())
	}
	return secure, nil
}

// dialSink is dial, with a reader of what the peer has to say.
func (t target) dialSink(ctx context.Context, d *Dial) (io.WriteCloser, error) {
	if !t.secure {
		c, err := t.dial(ctx, d)
		if err != nil {
			return nil, err
		}
		return hear(c, nil), nil
	}
	tickets := make(ticket)
	own := *d
	own.TLS = d.TLS.Clone()
	own.TLS.ClientSessionCache = tickets
	own.TLS.SessionTicketsDisabled = false
	c, err := t.dial(ctx, &own)
	if err != nil {
		return nil, err
	}
	return hearDoubted(c, tickets), nil
}

// ticket is told when a session ticket comes. It keeps none.
type ticket chan struct{}

// Get is tls.ClientSessionCache.Get.
func (ticket) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

// Put is tls.ClientSessionCache.Put. Only the goroutine that reads comes here.
func (t ticket) Put(_ string, s *tls.ClientSessionState) {
	if s == nil {
		return
	}
	select {
	case <-t:
	default:
		close(t)
	}
}
