package feed_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"annulus/ring"
	"annulus/ring/feed"
)

// over sends lines from one ring into another over a connection, the listener on this or that
// side of it.
func over(t *testing.T, address string, server, client *tls.Config, listenerSends bool) {
	t.Helper()
	const messages = 3000
	p, k := heapRing(t, ring.Config{})
	p2, k2 := heapRing(t, ring.Config{})
	l, err := feed.Listen(t.Context(), address, server)
	must(t, err)
	at := address
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		at = fmt.Sprintf("%s127.0.0.1:%d", address[:len("tcp://")], a.Port)
	}
	d := feed.Dial{TLS: client}
	var into, outOf *feed.Pump
	if listenerSends {
		own := make(chan *ring.Consumer, 1)
		own <- k
		open := func() (*ring.Consumer, error) {
			select {
			case k := <-own:
				return k, nil
			default:
				return nil, ring.ErrAttached
			}
		}
		outOf = feed.ListenOutOf(l, feed.Varint(), open)
		s, err := feed.DialSource(at, feed.Varint(), d)
		must(t, err)
		into = feed.Into(p2, s)
	} else {
		into = feed.ListenInto(l, feed.Varint(), []*ring.Producer{p2})
		s, err := feed.DialSink(at, feed.Varint(), d)
		must(t, err)
		outOf = feed.OutOf(k, s)
	}
	done, done2 := run(into), run(outOf)
	go func() {
		for i := range messages {
			if err := p.Send(context.Background(), fmt.Appendf(nil, "%d", i)); err != nil {
				t.Error(err)
			}
		}
		if !listenerSends {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range messages {
		if b, err := k2.Recv(t.Context(), nil); err != nil || string(b) != fmt.Sprint(i) {
			t.Fatalf("%q, %v, want %d", b, err, i)
		}
	}
	if listenerSends {
		must(t, into.Finish())
		must(t, outOf.Finish())
	} else {
		must(t, <-done2)
		done2 <- nil
		must(t, into.Finish())
	}
	must(t, <-done)
	must(t, <-done2)
}

func TestDialAndListen(t *testing.T) {
	server, client := trusting(t)
	noName := client.Clone()
	noName.ServerName = "" // of the address
	for _, c := range []struct {
		address        string
		server, client *tls.Config
	}{
		{"tcp://127.0.0.1:0", nil, nil},
		{"tls://127.0.0.1:0", server, noName},
		{"unix://" + filepath.Join(t.TempDir(), "s"), nil, nil},
		{"unix://" + filepath.Join(t.TempDir(), "s"), server, client},
		{"unix://@annulus-feed-test-" + fmt.Sprint(os.Getpid()), nil, nil},
	} {
		if runtime.GOOS != "linux" && strings.Contains(c.address, "@") {
			continue
		}
		for _, sends := range []bool{false, true} {
			t.Run(fmt.Sprintf("%.6s tls %v listener sends %v", c.address, c.server != nil, sends), func(t *testing.T) {
				over(t, c.address, c.server, c.client, sends)
			})
		}
	}
}

// The file of a Unix socket is nobody else's.
func TestListenUnixMode(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s")
	l, err := feed.Listen(t.Context(), "unix://"+name, nil)
	must(t, err)
	s, err := os.Stat(name)
	must(t, err)
	if runtime.GOOS == "linux" && s.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", s.Mode())
	}
	if _, err := feed.Listen(t.Context(), "unix://"+name, nil); err == nil || !strings.Contains(err.Error(), "remove "+name) {
		t.Errorf("second listener: %v", err)
	}
	must(t, l.Close())
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	// Nobody is told to remove what is none.
	must(t, os.WriteFile(name, []byte("precious"), 0o600))
	if _, err := feed.Listen(t.Context(), "unix://"+name, nil); err == nil || !strings.Contains(err.Error(), "found a file") || strings.Contains(err.Error(), "remove") {
		t.Errorf("at a file: %v", err)
	}
}

// An only try in vain is told once.
func TestDialOnce(t *testing.T) {
	p, _ := heapRing(t, ring.Config{})
	told := 0
	s, err := feed.DialSource(nobody(t), feed.Lines(), feed.Dial{Retry: feed.Retry{Tries: 1, Report: func(error) { told++ }}})
	must(t, err)
	if err := feed.Into(p, s).Run(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "given up") || told != 0 {
		t.Errorf("%v, told before: %d", err, told)
	}
}

func TestAddresses(t *testing.T) {
	server, _ := trusting(t)
	for _, c := range []struct {
		address string
		config  *tls.Config
		says    string
	}{
		{"", nil, "expected tcp://"}, {"tcp://", nil, "expected tcp://"}, {"tcp://host", nil, "expected tcp://"},
		{"tcp://h:65536", nil, "expected tcp://"}, {"tcp://h:-1", nil, "expected tcp://"}, {"tcp://h:99999999999999999999", nil, "expected tcp://"},
		{"tcp://h:1/x", nil, "expected tcp://"}, {"unix://rel", nil, "expected tcp://"}, {"unix:///", nil, "expected tcp://"}, {"http://h:1", nil, "expected tcp://"},
		{"unix:///" + strings.Repeat("x", 120), nil, "for the name of a Unix socket, found 121"}, {"unixpacket://@" + strings.Repeat("x", 120), nil, "found 121"},
		{"tls://h:1", nil, "expected a TLS configuration, found none"}, {"tcp://h:1", server, "expected tls://h:1"},
	} {
		if _, err := feed.DialSource(c.address, feed.Lines(), feed.Dial{TLS: c.config}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.address, err, c.says)
		}
	}
	if _, err := feed.Listen(t.Context(), "tls://127.0.0.1:0", &tls.Config{}); err == nil || !strings.Contains(err.Error(), "a listener needs") {
		t.Error(err)
	}
}

// Who has a certificate of another CA is refused, on either side, and what was to be sent to
// it stays in the ring.
func TestTLSWrongCA(t *testing.T) {
	right, wrong := newAuthority(t, "right"), newAuthority(t, "wrong")
	mixed := wrong.files(t, "client") // its certificate is wrong, its CA is right
	mixed.CA = right.file("ca.pem")
	refused, err := mixed.Load()
	must(t, err)
	own := refused.Certificates[0] // sent although the server does not ask for such
	refused.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	for _, c := range []struct {
		name           string
		client         *tls.Config
		tickets        bool
		says, hostSays string
	}{
		{"client refuses server", wrong.config(t, "client"), true, "certificate signed by unknown authority", "bad certificate"},
		{"server refuses client", refused, true, "remote error: tls: unknown certificate authority", "certificate signed by unknown authority"},
		{"server without tickets refuses client", refused, false, "remote error: tls: unknown certificate authority", "certificate signed by unknown authority"},
		{"server wants a certificate", &tls.Config{RootCAs: refused.RootCAs}, true, "remote error: tls: certificate required", "didn't provide a certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := right.config(t, "server")
			server.SessionTicketsDisabled = !c.tickets
			l, err := feed.Listen(t.Context(), "tls://127.0.0.1:0", server)
			must(t, err)
			p, k := heapRing(t, ring.Config{})
			p2, k2 := heapRing(t, ring.Config{})
			ends := make(chan error, 10)
			host := feed.ListenInto(l, feed.Lines(), []*ring.Producer{p2}, feed.OnConn(func(_ net.Addr, err error) { ends <- err }))
			hosting := run(host)
			must(t, p.Send(t.Context(), []byte("secret")))
			var breaks []error
			sink, err := feed.DialSink("tls://"+l.Addr().String(), feed.Lines(), feed.Dial{TLS: c.client,
				Retry: feed.Retry{Tries: 2, Report: func(err error) { breaks = append(breaks, err) }}})
			must(t, err)
			pump := feed.OutOf(k, sink)
			if err := pump.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "given up after 2 tries") {
				t.Errorf("client: %v, want %q; before: %v", err, c.says, breaks)
			}
			if err := <-ends; err == nil || !strings.Contains(err.Error(), c.hostSays) {
				t.Errorf("server: %v, want %q", err, c.hostSays)
			}
			must(t, host.Finish())
			must(t, <-hosting)
			must(t, k.Close())
			k, err = k.Ring().Consumer()
			must(t, err)
			defer k.Close()
			if b, err := k.TryRecv(nil); err != nil || string(b) != "secret" {
				t.Errorf("what was refused is not in the ring: %q, %v", b, err)
			}
			if b, err := k2.TryRecv(nil); err != ring.ErrEmpty {
				t.Errorf("the server let in %q, %v", b, err)
			}
		})
	}
}

// Files that will not do are named.
func TestTLSFiles(t *testing.T) {
	a := newAuthority(t, "CA")
	good := a.files(t, "good")
	other := a.files(t, "other")
	none := a.file("none.pem")
	text := a.file("text")
	must(t, os.WriteFile(text, []byte("no PEM"), 0o600))
	half := a.file("half")
	ca, err := os.ReadFile(good.CA)
	must(t, err)
	must(t, os.WriteFile(half, append(bytes.Clone(ca), ca[:len(ca)/2]...), 0o600))
	for _, c := range []struct {
		files feed.TLSFiles
		says  string
	}{
		{feed.TLSFiles{Cert: good.Cert}, "expected a certificate and its key, found only one"},
		{feed.TLSFiles{Cert: none, Key: good.Key}, none},
		{feed.TLSFiles{Cert: good.Cert, Key: none}, none},
		{feed.TLSFiles{Cert: good.Cert, Key: other.Key}, "private key does not match"},
		{feed.TLSFiles{Cert: text, Key: good.Key}, text},
		{feed.TLSFiles{CA: none}, none},
		{feed.TLSFiles{CA: text}, "expected certificates in PEM"},
		{feed.TLSFiles{CA: half}, "something else behind 1 of them"},
		{feed.TLSFiles{CA: good.Key}, `found "PRIVATE KEY"`},
	} {
		if _, err := c.files.Load(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.files, err, c.says)
		}
	}
}

// A client that says nothing where TLS begins is dropped in time, or when the pump is to
// finish; others are served meanwhile.
func TestSilentTLSClient(t *testing.T) {
	server, client := trusting(t)
	for _, limit := range []time.Duration{20 * time.Millisecond, time.Hour} {
		l, err := feed.Listen(t.Context(), "tls://127.0.0.1:0", server)
		must(t, err)
		p, k := heapRing(t, ring.Config{})
		ends := make(chan error, 10)
		pump := feed.ListenInto(l, feed.Lines(), []*ring.Producer{p}, feed.WithHandshakeTimeout(limit), feed.OnConn(func(_ net.Addr, err error) { ends <- err }))
		done := run(pump)
		silent := dial(t, l)
		if limit < time.Minute {
			if err := <-ends; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not done within 20ms") {
				t.Errorf("silent client: %v", err)
			}
			if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("its connection: %v", err)
			}
		}
		if limit > time.Minute { // the time that a handshake takes
			good, err := tls.Dial("tcp", l.Addr().String(), client)
			must(t, err)
			_, err = good.Write([]byte("hello\n"))
			must(t, err)
			if b, err := k.Recv(t.Context(), nil); err != nil || string(b) != "hello" {
				t.Errorf("%q, %v", b, err)
			}
			defer good.Close()
		}
		must(t, pump.Finish())
		must(t, <-done)
		silent.Close()
	}
}
