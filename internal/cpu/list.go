package cpu

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// maxCPU bounds the numbers of a list, so that a wild range cannot fill the memory.
const maxCPU = 1 << 16

// ParseList parses a list of CPUs as the kernel writes it, "0-3,8": in order, each
// once.
func ParseList(s string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(strings.TrimSpace(s), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA != nil || errB != nil || a < 0 || b < a || b >= maxCPU {
			return nil, errors.New("expected CPU numbers and ranges, such as 0-3,8")
		}
		for n := a; n <= b; n++ {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// FormatList writes an ordered list as ParseList reads it.
func FormatList(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		part := strconv.Itoa(list[i])
		if j > i {
			part += "-" + strconv.Itoa(list[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
