package metrics

import "github.com/prometheus/client_golang/prometheus"

// descriptions are all metrics there are.
var descriptions []*prometheus.Desc

// metric describes one, whose first label is ring or cell.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func describe(kind prometheus.ValueType, name, help string, labels ...string) metric {
	d := prometheus.NewDesc("annulus_"+name, help, labels, nil)
	descriptions = append(descriptions, d)
	return metric{d, kind}
}

func (m metric) send(out chan<- prometheus.Metric, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var (
	ringUp       = describe(gauge, "ring_up", "1: the ring can be read; 0: its memory is lost, and nothing else is told of it.", "ring")
	ringInfo     = describe(gauge, "ring_info", "Always 1; the labels say what the ring is.", "ring", "topology", "kind", "backing")
	ringMessages = describe(counter, "ring_messages_total", "Messages committed (side producer) or released (side consumer).", "ring", "side")
	ringBytes    = describe(counter, "ring_bytes_total", "Payload bytes of the messages committed or released.", "ring", "side")
	ringWakes    = describe(counter, "ring_wakes_total", "System calls by which this side woke the other one.", "ring", "side")
	ringParks    = describe(counter, "ring_parks_total", "Sleeps that this side has begun.", "ring", "side")
	ringSessions = describe(counter, "ring_sessions_total", "Attachments of this side.", "ring", "side")
	ringRepaired = describe(counter, "ring_repaired_total", "Claims of dead producers or consumers that were settled; broadcast: dead consumers no longer waited for.", "ring", "side")
	ringHanded   = describe(counter, "ring_handed_total", "Messages taken over from dead consumers of an mpmc ring.", "ring")
	ringDropped  = describe(counter, "ring_dropped_total", "Messages that the producer of a broadcast ring dropped for want of room.", "ring")
	ringLost     = describe(counter, "ring_lost_messages_total", "Messages that consumers of a broadcast ring lost to overruns, as far as scrapes have seen.", "ring")
	ringMembers  = describe(gauge, "ring_members", "Producers or consumers by state: attached (and running), stopped (and attached), or dead with nobody in their place yet.", "ring", "side", "state")
	ringAsleep   = describe(gauge, "ring_asleep", "1: the side has announced a sleep and was not woken since.", "ring", "side")
	ringWaiting  = describe(gauge, "ring_waiting_messages", "Messages committed and not released; not told of broadcast rings.", "ring")
	ringRatio    = describe(gauge, "ring_occupancy_ratio", "Part of the ring that is committed and not released, 0 to 1; broadcast: by the slowest consumer.", "ring")
	ringOccBytes = describe(gauge, "ring_occupied_bytes", "Bytes committed and not released, of a ring of records.", "ring")
	ringCapBytes = describe(gauge, "ring_capacity_bytes", "Bytes that a ring of records holds, all lanes together.", "ring")
	ringOccSlots = describe(gauge, "ring_occupied_slots", "Slots committed and not released.", "ring")
	ringCapSlots = describe(gauge, "ring_capacity_slots", "Slots of the ring, all lanes together.", "ring")

	cellUp       = describe(gauge, "cell_up", "1: the cell can be read; 0: its memory is lost, and nothing else is told of it.", "cell")
	cellVersions = describe(counter, "cell_versions_total", "Versions written.", "cell")
	cellBytes    = describe(gauge, "cell_value_bytes", "Bytes of the latest value.", "cell")
	cellAttached = describe(gauge, "cell_writer_attached", "1: there is a writer.", "cell")
	cellDead     = describe(gauge, "cell_writer_dead", "1: the last writer is gone without closing.", "cell")
	cellSessions = describe(counter, "cell_sessions_total", "Writers so far.", "cell")
	cellParks    = describe(counter, "cell_parks_total", "Sleeps that readers have begun.", "cell")
	cellWakes    = describe(counter, "cell_wakes_total", "System calls made to wake readers.", "cell")
)
