package metrics_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"annulus/ring"
	"annulus/ring/metrics"
)

func Example() {
	r, err := ring.New(ring.Config{Capacity: 1 << 16})
	report(err)
	defer r.Close()
	p, err := r.Producer()
	report(err)
	report(p.TrySend([]byte("hello")))

	c := metrics.New()
	report(c.Add(r, metrics.As("orders"))) // a ring by name or path needs no As
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()

	text, err := get(server.URL)
	report(err)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "annulus_ring_messages_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// annulus_ring_messages_total{ring="orders",side="consumer"} 0
	// annulus_ring_messages_total{ring="orders",side="producer"} 1
}

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func report(err error) {
	if err != nil {
		fmt.Println(err)
	}
}
