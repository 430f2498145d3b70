package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/units"
	"annulus/internal/layout"
	"annulus/ring"
)

// splitInts parses a comma-separated list of whole numbers of at least least.
func splitInts(s string, least int) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < least || n > math.MaxInt32 {
			return nil, fmt.Errorf("expected whole numbers of at least %d, separated by commas", least)
		}
		list = append(list, n)
	}
	return list, nil
}

// parseSizes parses a comma-separated list of sizes of messages, as parseBytes does each.
func parseSizes(s string, least int) (list []int, err error) {
	for part := range strings.SplitSeq(s, ",") {
		n, err := parseBytes(part)
		if err != nil || n < least {
			return nil, fmt.Errorf("expected bytes of at least %d, separated by commas, such as 64,1K", least)
		}
		list = append(list, n)
	}
	return list, nil
}

func joinInts(list []int) string {
	var parts []string
	for _, n := range list {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

// parseBytes parses 4096, 64K, 64KiB, 1M, 1G…; the factors are powers of 1024.
func parseBytes(s string) (int, error) {
	if n, ok := units.Bytes(s); ok && n > 0 && n <= math.MaxInt32 {
		return int(n), nil
	}
	return 0, errors.New("expected bytes from 1 to less than 2G, such as 65536, 64K or 1M")
}

// maxCapacity is the greatest capacity of a ring of kind bytes here, a power of two.
const maxCapacity = min(layout.MaxCapacityBytes, math.MaxInt/2+1)

// parseCapacity parses the capacity of a ring of kind bytes.
func parseCapacity(s string) (int, error) {
	n, ok := units.Bytes(s)
	if !ok || n < layout.MinCapacityBytes || n > maxCapacity {
		return 0, fmt.Errorf("expected a power of two from 4K to %dG, such as 65536, 64K or 1M", maxCapacity>>30)
	}
	if err := (ring.Config{Capacity: int(n)}).Validate(); err != nil {
		return 0, fmt.Errorf("expected the capacity of a ring: %w", err)
	}
	return int(n), nil
}

// wholeRate takes messages a second: 10000 or, as profiles do, 10k/s.
func wholeRate(to *int) func(string) error {
	return func(s string) error {
		if err := between(to, 1, 1e9)(s); err == nil {
			return nil
		}
		rate, err := load.ParseRate(s)
		if err != nil || rate < 1 || rate != math.Trunc(rate) {
			return errors.New("expected a whole number of messages a second from 1 to 1e9, such as 10000 or 10k/s")
		}
		*to = int(rate)
		return nil
	}
}

// between takes a whole number within bounds.
func between(to *int, least, most int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("expected a whole number from %d to %d", least, most)
		}
		*to = n
		return nil
	}
}

// messages takes a number of them, at least one.
func messages(to *uint64) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 62)
		if err != nil || n == 0 {
			return errors.New("expected a whole number of at least 1")
		}
		*to = n
		return nil
	}
}

// atLeast takes a time.
func atLeast(to *time.Duration, least time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < least {
			return fmt.Errorf("expected a time of at least %v, such as 500ms or 2s", least)
		}
		*to = d
		return nil
	}
}
