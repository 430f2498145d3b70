package seqlock

import "annulus/shm"

// Any is a cell or block of whatever type, to be looked at: it has what handles have,
// Stats above all, and hands out neither writers nor readers.
type Any struct{ *handle }

// AttachAny makes a handle on the cell or block that lies in region, which may be
// read-only, and takes the region over: Close closes it. If it fails the region is
// closed too.
func AttachAny(region *shm.Region) (*Any, error) {
	h, err := attachIf(region, func(*handle) error { return nil })
	if err != nil {
		return nil, err
	}
	return &Any{h}, nil
}

// Kind returns cell or block.
func (a *Any) Kind() string { return kindName(a.geometry.Kind) }

// Element returns the name of the value's type as its creator said; "" if it did not, and
// of blocks.
func (a *Any) Element() string { return a.element.Name }

// Size returns the bytes of the value; of a block, the most that it can hold.
func (a *Any) Size() int { return int(a.geometry.Size) }
