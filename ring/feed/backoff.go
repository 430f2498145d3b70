package feed

import "time"

// backoff is the time between two tries: doubled from next to most.
type backoff struct{ next, most time.Duration }

// wait waits, and returns false if done is closed before.
func (b *backoff) wait(done <-chan struct{}) bool {
	d := b.next
	b.next = min(2*d, b.most)
	return pause(d, done)
}

// pause waits for d, and returns false if done is closed before.
func pause(d time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}
