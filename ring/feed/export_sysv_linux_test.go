//go:build amd64 || arm64 || loong64 || riscv64

package feed

// SysVQueued is how many messages a queue holds.
func SysVQueued(q SysVQueue) (int, error) {
	m, err := q.open()
	if err != nil {
		return 0, err
	}
	stat, err := m.stat()
	return int(stat.Messages), err
}
