package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"annulus/cmd/ringbench/internal/typeset"
	"annulus/ring/feed"
)

// far is the end that is not the ring's, and what the flags say of it.
type far struct {
	scheme *scheme
	sink   bool
	url    string
	rest   string // of url, behind the scheme
	io     *stdio

	framing                                           feed.Framing
	listen, once, create, follow, appending, truncate bool
	sync                                              string
	priority, project                                 int
	kind                                              int // of System V messages
	tls                                               feed.TLSFiles
	pace                                              float64
	buffer                                            int
	lossy                                             bool
	fast, recover                                     bool
	max                                               int    // bytes of a raw message
	depth, size                                       int    // of a message queue that is made
	count                                             uint64 // of messages, for a sink; 0: all
	skip, cut, fromEnd, unacknowledged                bool

	mu   sync.Mutex
	said string // last on stderr
}

// flags declares the flags of schemes.
func (f *far) flags(set *flag.FlagSet, of ...*scheme) {
	f.framing, f.project = feed.Lines(), 1
	for _, s := range of {
		for _, name := range s.flags(f.sink) {
			if set.Lookup(name) == nil {
				f.declare(set, name)
			}
		}
	}
}

// declare declares one.
func (f *far) declare(set *flag.FlagSet, name string) {
	switch name {
	case "framing":
		set.Var(among(framings, func(v string) (err error) {
			f.framing, err = feed.ParseFraming(v)
			return err
		}), name, "messages are cut from each other by `HOW`: "+feed.Framings+"; default: lines")
	case "max":
		set.Func(name, "raw: at most `BYTES` in one message, with K, M or G; default: 64K", func(v string) (err error) {
			f.max, err = parseBytes(v)
			return err
		})
	case "depth":
		set.Func(name, "make the queue for `N` messages; without it, as many as fs.mqueue.msg_default says", between(&f.depth, 1, 1<<20))
	case "message-size":
		set.Func(name, "make the queue for messages of up to `BYTES`; without it, as fs.mqueue.msgsize_default says", func(v string) (err error) {
			f.size, err = parseBytes(v)
			return err
		})
	case "server-name":
		set.StringVar(&f.tls.Name, name, "", "the `NAME` that the server's certificate must hold, in place of the address' host")
	case "listen":
		set.BoolVar(&f.listen, name, false, "wait for connections at the address, any number of them, instead of making one; port 0: any that is free")
	case "once":
		set.BoolVar(&f.once, name, false, "the first connection, made or accepted, or the first process on the other side of the FIFO, is the only one; without it the next is waited for")
	case "cert":
		set.StringVar(&f.tls.Cert, name, "", "own certificate, in the PEM file `FILE`; a listener needs one")
	case "key":
		set.StringVar(&f.tls.Key, name, "", "the key of --cert, in the PEM file `FILE`")
	case "ca":
		set.StringVar(&f.tls.CA, name, "", "the certificates that must have signed the peer's, in the PEM file `FILE`; a listener then takes only clients that have one")
	case "create":
		set.BoolVar(&f.create, name, false, "make the FIFO or queue if there is none")
	case "follow":
		set.BoolVar(&f.follow, name, false, "go on with what is appended to the file, through rotation, like tail -F")
	case "append":
		set.BoolVar(&f.appending, name, false, "go on behind what the file holds")
	case "cut":
		set.BoolVar(&f.cut, name, false, "--append: cut off what a process that was killed has left of a message; without it, such a file is refused")
	case "from-end":
		set.BoolVar(&f.fromEnd, name, false, "--follow: begin behind the last whole message that the file holds now")
	case "unacknowledged":
		set.BoolVar(&f.unacknowledged, name, false, "a message leaves the ring when the kernel of this side has it, not when it has arrived: faster for mpmc rings, and what a connection that breaks had not carried is lost")
	case "truncate":
		set.BoolVar(&f.truncate, name, false, "what the file holds is lost")
	case "sync":
		set.Var(oneOf(&f.sync, syncs), name, "force it to the disk `WHEN`: never, end, or each batch before it leaves the ring; default: never")
	case "buffer":
		set.Func(name, "udp: let the kernel hold `BYTES` before it drops datagrams, as SO_RCVBUF counts them", func(v string) (err error) {
			f.buffer, err = parseBytes(v)
			return err
		})
	case "lossy":
		set.BoolVar(&f.lossy, name, false, "udp: go on when nobody listens; without it, wait for somebody")
	case "priority":
		set.Func(name, "the priority `N` of all messages; default: 0, the lowest", between(&f.priority, 0, 32767))
	case "type":
		what, least := "take only messages of type `N`, or, with -N, of types up to N, the lowest first; default: any", -1<<31
		if f.sink {
			what, least = "the type `N` of all messages; default: 1", 1
		}
		set.Func(name, what, between(&f.kind, least, 1<<31-1))
	case "project":
		set.Func(name, "of sysv:PATH: the project `N` of ftok; default: 1", between(&f.project, 1, 255))
	case "pace":
		set.Func(name, "`FACTOR` times as fast as it was recorded; default: 1", func(v string) (err error) {
			f.pace, err = strconv.ParseFloat(v, 64)
			if err != nil || !(f.pace > 0 && f.pace <= 1e9) {
				return errors.New("expected a number greater than 0, such as 0.5 or 10")
			}
			return nil
		})
	case "fast":
		set.BoolVar(&f.fast, name, false, "as fast as the ring takes it")
	case "recover":
		set.BoolVar(&f.recover, name, false, "go on behind what is damaged, and report it")
	default:
		panic("no flag " + name)
	}
}

// syncs are the names of feed.Sync, in its order.
var syncs = []string{"never", "end", "each"}

// framings are those that feed.ParseFraming takes; an N is to be typed.
var framings = strings.Split(strings.NewReplacer(" or ", ", ", ":N", ":").Replace(feed.Framings), ", ")

// locate sets where it is, and refuses flags that mean nothing there.
func (f *far) locate(set *flag.FlagSet, url string) (err error) {
	f.url = url
	if f.scheme, f.rest, err = schemeOf(url, f.sink); err != nil {
		return err
	}
	set.Visit(func(given *flag.Flag) {
		has := func(s *scheme) bool { return slices.Contains(s.flags(f.sink), given.Name) }
		if can := addresses(f.sink, has); err == nil && can != "" && !has(f.scheme) {
			err = usagef("expected --%s only with %s, found it with %s", given.Name, can, url)
		}
	})
	if err != nil {
		return err
	}
	return f.agree()
}

// agree refuses flags that exclude each other, and those that need others.
func (f *far) agree() error {
	switch {
	case f.max > 0 && !f.raw():
		return usagef("expected --max only with --framing raw, found --framing %v", f.framing)
	case f.count > 0 && f.listen:
		return usagef("expected --count or --listen, found both: each connection gets messages of its own")
	case f.listen && f.tls.Name != "":
		return usagef("expected --server-name or --listen, found both: a client looks for the name")
	case (f.depth > 0 || f.size > 0) && !f.create:
		return usagef("expected --depth and --message-size only with --create: a queue that is there has its own")
	case f.cut && !f.appending:
		return usagef("expected --cut only with --append")
	case f.fromEnd && !f.follow:
		return usagef("expected --from-end only with --follow")
	case f.appending && f.truncate:
		return usagef("expected --append or --truncate, found both")
	case f.pace != 0 && f.fast:
		return usagef("expected --pace or --fast, found both")
	case f.listen && f.scheme.name == "tls" && f.tls.Cert == "":
		return usagef("expected --cert and --key, found --listen without: a TLS listener has a certificate")
	case (f.tls.Cert == "") != (f.tls.Key == ""):
		return usagef("expected --cert and --key together, found only one of them")
	}
	if f.max > 0 {
		f.framing = feed.Raw(f.max)
	}
	return nil
}

// skipFlag is for those whose messages may be of any size.
func (f *far) skipFlag(set *flag.FlagSet) {
	what := "the ring"
	if f.sink {
		what = "the sink"
	}
	set.BoolVar(&f.skip, "skip", false, "pass over messages that "+what+" cannot take, and report them; without it, one ends the command")
}

// skipped decides on a message that the other side cannot take.
func (f *far) skipped(err error) bool {
	if f.skip {
		f.report(fmt.Errorf("passed over: %w", plain(err)))
	}
	return f.skip
}

// countFlag is for those that take messages out of a ring.
func (f *far) countFlag(set *flag.FlagSet) {
	set.Func("count", "end after `N` messages", messages(&f.count))
}

// place is what messages call it.
func (f *far) place() string {
	if f.scheme.right != nil && f.scheme.right("") { // stdin: and stdout:
		return f.scheme.name
	}
	return f.url
}

// connections is how many a listener takes; 0: any number.
func (f *far) connections() int {
	if f.once {
		return 1
	}
	return 0
}

// only fails if the only connection did, which conn has reported.
func (f *far) only(s feed.Stats) error {
	if f.listen && f.once && s.Failed > 0 {
		return errors.New("the only connection failed")
	}
	return nil
}

// report says on stderr what went wrong and is not the end, but nothing twice in a row.
func (f *far) report(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text := typeset.OneLine(f.at(err)); text != f.said {
		f.said = text
		fmt.Fprintln(f.io.err, text)
	}
}

// conn reports a connection that has failed.
func (f *far) conn(peer net.Addr, err error) {
	if err != nil {
		f.report(fmt.Errorf("connection of %v: %w", peer, plain(err)))
	}
}
