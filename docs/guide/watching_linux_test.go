package guide

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	promtest "github.com/prometheus/client_golang/prometheus/testutil"

	"annulus/ring"
	"annulus/ring/metrics"
)

func Example_metrics() {
	name := freshName()
	r, err := ring.Create(name, ring.Config{})
	report(err)
	report(measure(r))
	server := httptest.NewServer(http.DefaultServeMux)
	want := fmt.Sprintf(`# HELP annulus_ring_waiting_messages Messages committed and not released; not told of broadcast rings.
# TYPE annulus_ring_waiting_messages gauge
annulus_ring_waiting_messages{ring=%q} 0
`, name)
	report(promtest.ScrapeAndCompare(server.URL+"/metrics", strings.NewReader(want), "annulus_ring_waiting_messages"))
	http.DefaultClient.CloseIdleConnections()
	server.Close()
	report(r.Close())
	report(ring.Remove(name))
	fmt.Println("scraped")
	// Output: scraped
}

func measure(r *ring.Ring) error {
	c := metrics.New()
	if err := c.Add(r); err != nil {
		return err
	}
	if err := prometheus.Register(c); err != nil {
		return err
	}
	http.Handle("GET /metrics", promhttp.Handler())
	return nil
}
