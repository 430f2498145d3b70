package load

import (
	"math"
	"math/rand/v2"
	"time"
)

// pacer says when the messages of one process are due, in ns by rig.Now, never decreasing.
type pacer func() int64

// pacer begins at now, in a load that began at start: schedules are as far as they are for
// all, so that a process that comes later has nothing to catch up with.
func (p *Pace) pacer(start, now int64, rng *rand.Rand) (pacer, error) {
	switch {
	case p.Burst > 0:
		return p.bursts(start, now), nil
	case p.Capture != "":
		r, err := readCapture(p.Capture)
		if err != nil {
			return nil, err
		}
		return p.replay(r, now), nil
	case len(p.Phases) == 1 && p.Phases[0].From == p.Phases[0].To:
		start = now // the same at any time: the first message is due at once
	}
	return p.phases(start, now, rng), nil
}

func (p *Pace) bursts(start, now int64) pacer {
	every := int64(p.Every)
	round := (now - start + every - 1) / every // the next that begins
	left := p.Burst
	return func() int64 {
		if left == 0 {
			left = p.Burst
			round++
		}
		left--
		return start + round*every
	}
}

func (p *Pace) replay(r *recording, now int64) pacer {
	next, base := 0, float64(0)
	return func() int64 {
		if next == len(r.times) {
			next = 0
			base += float64(r.whole)
		}
		at := base + float64(r.times[next])
		next++
		return now + int64(at/p.Speed)
	}
}

// phases goes through the phases by how many messages are due from the beginning of one:
// message k is due where that sum reaches k, or, if arrivals are random, the last sum and a
// random number that is 1 on average.
func (p *Pace) phases(start, now int64, rng *rand.Rand) pacer {
	var cycle time.Duration
	for _, f := range p.Phases {
		cycle += f.For
	}
	begin := start + (now-start)/int64(cycle)*int64(cycle)
	i := 0
	for begin+int64(p.Phases[i].For) <= now {
		begin += int64(p.Phases[i].For)
		i = (i + 1) % len(p.Phases)
	}
	sum := p.Phases[i].sum(float64(now-begin) / 1e9)
	first := true
	return func() int64 {
		switch {
		case p.Poisson:
			sum += rng.ExpFloat64()
		case !first:
			sum++
		}
		first = false
		for whole := p.Phases[i].sum(p.Phases[i].For.Seconds()); sum > whole || sum == whole && whole == 0; whole = p.Phases[i].sum(p.Phases[i].For.Seconds()) {
			sum -= whole
			begin += int64(p.Phases[i].For)
			i = (i + 1) % len(p.Phases)
		}
		return begin + int64(p.Phases[i].reach(sum)*1e9)
	}
}

// sum is how many messages are due in the first t seconds of the phase.
func (f *Phase) sum(t float64) float64 {
	return f.From*t + (f.To-f.From)*t*t/(2*f.For.Seconds())
}

// reach is the time, in seconds, at which sum is n.
func (f *Phase) reach(n float64) float64 {
	slope := (f.To - f.From) / f.For.Seconds()
	if slope == 0 {
		return n / f.From
	}
	// The root of slope/2 t² + From t - n that is stable for a slope near 0.
	root := math.Sqrt(max(0, f.From*f.From+2*slope*n))
	if root+f.From == 0 {
		return 0
	}
	return min(2*n/(f.From+root), f.For.Seconds())
}
