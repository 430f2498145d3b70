package main

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
)

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int{"1": 1, "65536": 65536, "64K": 65536, "64KiB": 65536, "1M": 1 << 20, "1MiB": 1 << 20, "1G": 1 << 30, "512B": 512} {
		if n, err := parseBytes(s); err != nil || n != want {
			t.Errorf("parseBytes(%q) = %d, %v, want %d", s, n, err, want)
		}
	}
	for s, want := range map[string]int{"4K": 4096, "1G": 1 << 30, "4294967296": maxCapacity, fmt.Sprint(maxCapacity): maxCapacity} {
		if n, err := parseCapacity(s); strconv.IntSize == 64 && (err != nil || n != want) {
			t.Errorf("parseCapacity(%q) = %d, %v, want %d", s, n, err, want)
		}
	}
	for _, s := range []string{"", "0", "2K", "5000", "3M", "8G", "8589934592", "99999999999999"} {
		if n, err := parseCapacity(s); err == nil {
			t.Errorf("parseCapacity(%q) = %d, want an error", s, n)
		}
	}
	for _, s := range []string{"", "K", "-1", "1 K", "1KB", "1k", "2G", "0x10", "9999999999999"} {
		if n, err := parseBytes(s); err == nil {
			t.Errorf("parseBytes(%q) = %d, want an error", s, n)
		}
	}
}

// Sizes are written as those of profiles are.
func TestParseSizes(t *testing.T) {
	if got, err := parseSizes("8,64B,1K,64KiB", 8); err != nil || !slices.Equal(got, []int{8, 64, 1024, 64 << 10}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWholeRate(t *testing.T) {
	for s, want := range map[string]int{"1": 1, "10000": 10000, "10k/s": 10000, "500/s": 500, "1.5k/s": 1500, "1e6/s": 1e6, "2M/s": 2e6} {
		n := 0
		if err := wholeRate(&n)(s); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", s, n, err, want)
		}
	}
}
