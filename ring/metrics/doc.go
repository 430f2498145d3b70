// Package metrics makes rings and cells known to Prometheus: a [Collector] is registered
// once, and each ring and cell that a service holds is added to it.
//
// Nothing is added to the way of a message: what a scrape tells is read from the words
// that the ring keeps anyway, when it is scraped, as Stats reads them. The names and what
// they mean, and what to be woken by at night, are in docs/guide/watching.md.
package metrics
