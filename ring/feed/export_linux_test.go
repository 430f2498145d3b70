package feed

import "annulus/internal/ipc"

// Queued is how many messages a queue holds.
func Queued(q MessageQueue) (int, error) {
	m, err := q.open(0)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	var n int
	err = m.raw.Control(func(fd uintptr) {
		a, _ := ipc.MQGetAttr(int(fd))
		n = a.CurMsgs
	})
	return n, err
}
