package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"annulus/ring/metrics"
)

// served is the endpoint of --metrics, for as long as a command runs.
type served struct {
	addr   string // "": none
	server *http.Server
	ended  chan error
	*metrics.Collector
}

func (s *served) flag(set *flag.FlagSet) {
	set.Func("metrics", "serve metrics for Prometheus at http://`ADDR`/metrics while it runs: HOST:PORT, or :PORT for 127.0.0.1", func(v string) error {
		host, port, err := net.SplitHostPort(v)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil {
			return errors.New("expected HOST:PORT or :PORT, with a port from 0 to 65535")
		} else if host == "" {
			host = "127.0.0.1"
			port = fmt.Sprint(n)
		}
		s.addr = net.JoinHostPort(host, port)
		return nil
	})
}

// start listens and serves, and says where. Without --metrics it does nothing and returns
// no collector.
func (s *served) start(notices io.Writer) (*metrics.Collector, error) {
	if s.addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, because(err, "--metrics %s: another process listens there: expected a port that is free, or :0 for any", s.addr)
	}
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", s.addr, err)
	}
	s.Collector = metrics.New()
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Collector)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.server.Serve(l) }()
	_, err = fmt.Fprintf(notices, "metrics at http://%s/metrics\n", l.Addr())
	return s.Collector, err
}

// stop ends it, connections too.
func (s *served) stop() error {
	if s.server == nil {
		return nil
	}
	err := s.server.Close()
	if serr := <-s.ended; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
