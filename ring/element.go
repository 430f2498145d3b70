package ring

import (
	"errors"
	"fmt"

	"annulus/internal/element"
)

// typeInfo is what a typed ring knows of its T.
type typeInfo struct {
	element.Type
	err error
}

// describe looks at T once.
func describe[T any]() typeInfo {
	t, err := element.Of[T]()
	if errors.Is(err, element.ErrNoBytes) {
		err = fmt.Errorf("%w: %s has no bytes", ErrSize, t.Name)
	}
	return typeInfo{t, err}
}

// check holds T against what the ring's creator said of its elements. A ring
// without a fingerprint, as C creates it, has to fit in size.
func check[T any](r *Ring) error {
	t := describe[T]()
	if t.err != nil {
		return t.err
	}
	c := r.config
	if c.Kind != Slots {
		return fmt.Errorf("ring %s: %w: it is of kind %v, want slots of %s; use Ring.Producer and Ring.Consumer, or create it with SlotsOf",
			r.name(), ErrMismatch, c.Kind, t.Name)
	}
	if c.SlotSize != t.Size {
		return fmt.Errorf("ring %s: %w: its messages are of %d bytes, %s has %d", r.name(), ErrMismatch, c.SlotSize, t.Name, t.Size)
	}
	if c.fingerprint != 0 && c.fingerprint != t.Fingerprint {
		return fmt.Errorf("ring %s: %w: its elements are %q, want %q", r.name(), ErrMismatch, c.element, t.Name)
	}
	return nil
}
