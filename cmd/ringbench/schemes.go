package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"

	"annulus/ring/feed"
)

// scheme is a kind of far end: where messages come from or go to.
type scheme struct {
	name    string
	address string                          // what an address looks like
	summary string                          // what it is, for the help
	right   func(string) bool               // what follows the name and the colon is an address
	source  func(*far) (feed.Source, error) // nil: nothing comes from there
	sink    func(*far) (feed.Sink, error)   // nil: nothing goes there

	sourceFlags, sinkFlags []string // that mean something here
}

// Flags that several have. --listen waits for connections instead of making them.
var (
	streamFlags = []string{"framing", "listen", "once"}
	tlsFlags    = with(streamFlags, "cert", "key", "ca")
	packetFlags = []string{"listen", "once"}
	mqFlags     = []string{"create", "depth", "message-size"}
	cutFlags    = []string{"framing", "max"}
)

// schemes lists what the commands feed and drain know.
func schemes() []*scheme {
	return []*scheme{
		{"tcp", "tcp://HOST:PORT", "a TCP connection", hostPort, dialSource, dialSink, with(cutFlags, "listen", "once"), with(streamFlags, "unacknowledged")},
		{"tls", "tls://HOST:PORT", "the same, with TLS 1.3", hostPort, dialSource, dialSink, with(tlsFlags, "max", "server-name"), with(tlsFlags, "server-name", "unacknowledged")},
		{"unix", "unix:///PATH", "a Unix stream socket; unix://@NAME: an abstract one", socketName, dialSource, dialSink, with(cutFlags, "listen", "once"), with(streamFlags, "unacknowledged")},
		{"unixpacket", "unixpacket:///PATH", "a Unix seqpacket socket, which keeps messages apart itself", socketName, dialSource, dialSink, packetFlags, with(packetFlags, "unacknowledged")},
		{"udp", "udp://HOST:PORT", "UDP datagrams: received at the address, or sent to it", hostPort, datagramSource, datagramSink, []string{"buffer"}, []string{"lossy"}},
		{"unixgram", "unixgram:///PATH", "the same through a Unix socket", socketName, datagramSource, datagramSink, nil, nil},
		{"fifo", "fifo:PATH", "a named pipe", somewhere, fifoSource, fifoSink, with(cutFlags, "create", "once"), []string{"framing", "create", "once"}},
		{"file", "file:PATH", "a file", somewhere, fileSource, fileSink, with(cutFlags, "follow", "from-end"), []string{"framing", "append", "cut", "truncate", "sync"}},
		{"mq", "mq:/NAME", "a POSIX message queue", queueName, mqSource, mqSink, mqFlags, with(mqFlags, "priority")},
		{"sysv", "sysv:KEY", "a System V message queue; sysv:PATH: its key made by ftok of a file", somewhere, sysvSource, sysvSink,
			[]string{"create", "type", "project"}, []string{"create", "type", "project"}},
		{"stdin", "stdin:", "the standard input", nothing, stdinSource, nil, cutFlags, nil},
		{"stdout", "stdout:", "the standard output", nothing, nil, stdoutSink, nil, []string{"framing"}},
	}
}

func with(flags []string, more ...string) []string { return slices.Concat(flags, more) }

func hostPort(rest string) bool {
	address, ok := strings.CutPrefix(rest, "//")
	_, port, err := net.SplitHostPort(address)
	return ok && err == nil && port != "" && !strings.ContainsAny(address, "/?#")
}

func socketName(rest string) bool {
	name, ok := strings.CutPrefix(rest, "//")
	return ok && len(name) >= 2 && (name[0] == '/' || name[0] == '@')
}

func queueName(rest string) bool {
	name := strings.TrimPrefix(rest, "/")
	return name != "" && !strings.Contains(name, "/")
}

func somewhere(rest string) bool { return rest != "" }
func nothing(rest string) bool   { return rest == "" }

// schemeNamed is the one of a name that is known here.
func schemeNamed(name string) *scheme {
	all := schemes()
	return all[slices.IndexFunc(all, func(s *scheme) bool { return s.name == name })]
}

// flags are those that mean something at this end.
func (s *scheme) flags(sink bool) []string {
	if sink {
		return s.sinkFlags
	}
	return s.sourceFlags
}

// serves tells whether messages can come from there, or go there.
func (s *scheme) serves(sink bool) bool {
	if sink {
		return s.sink != nil
	}
	return s.source != nil
}

// endName is what a direction is called.
func endName(sink bool) string {
	if sink {
		return "SINK"
	}
	return "SOURCE"
}

// addresses lists those of one direction for which that holds.
func addresses(sink bool, that func(*scheme) bool) string {
	var list []string
	for _, s := range schemes() {
		if s.serves(sink) && that(s) {
			list = append(list, s.address)
		}
	}
	return strings.Join(list, ", ")
}

func all(*scheme) bool { return true }

// schemeOf understands a URL.
func schemeOf(url string, sink bool) (s *scheme, rest string, err error) {
	name, rest, ok := strings.Cut(url, ":")
	for _, s := range schemes() {
		switch {
		case !ok || s.name != name:
			continue
		case !s.serves(sink):
			return nil, "", usagef("expected a %s, found %q, which is a %s only; one of %s", endName(sink), url, endName(!sink), addresses(sink, all))
		case !s.right(rest):
			or := ""
			if strings.HasPrefix(name, "unix") {
				or = " or " + name + "://@NAME"
			}
			return nil, "", usagef("expected %s%s, found %q", s.address, or, url)
		}
		return s, rest, nil
	}
	return nil, "", usagef("expected a %s, one of %s; found %q", endName(sink), addresses(sink, all), url)
}

// schemeHelp is the part of a command's help that lists them.
func schemeHelp(sink bool) string {
	var b strings.Builder
	for _, s := range schemes() {
		if s.serves(sink) {
			fmt.Fprintf(&b, "  %-18s %s", s.address, s.summary)
			for i, f := range s.flags(sink) {
				fmt.Fprint(&b, []string{"; ", " "}[min(i, 1)], "--", f)
			}
			b.WriteByte('\n')
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// keyOf is the key in a sysv: address, or that of the file.
func keyOf(rest string, project byte) (int32, error) {
	if key, err := strconv.ParseInt(rest, 0, 64); err == nil {
		if key == 0 || key != int64(int32(key)) && key != int64(uint32(key)) {
			return 0, usagef("expected sysv:KEY with a key of 32 bits other than 0, found %q", rest)
		}
		return int32(key), nil
	}
	key, err := feed.Ftok(rest, project)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("expected sysv: with a number, or with a file that is there: %w", err)
	}
	return key, err
}
