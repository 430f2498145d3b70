// Package units reads sizes as people write them.
package units

import (
	"strconv"
	"strings"
)

// Bytes reads 4096, 512B, 64K, 64KiB, 1M, 1G and the like: the factors are powers of 1024. It is false for all
// else, and does not bound what it reads.
func Bytes(s string) (n uint64, ok bool) {
	digits := strings.TrimRight(s, "KMGiB")
	shift, ok := map[string]int{
		"": 0, "B": 0, "K": 10, "KiB": 10, "M": 20, "MiB": 20, "G": 30, "GiB": 30,
	}[s[len(digits):]]
	n, err := strconv.ParseUint(digits, 10, 33)
	return n << shift, err == nil && ok
}
