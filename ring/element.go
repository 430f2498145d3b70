package ring

import (
	"fmt"
	"hash/fnv"
	"io"
	"reflect"
)

// element is what a typed ring knows of its T.
type element struct {
	name        string
	size        int
	fingerprint uint64 // of sizes, kinds and offsets, not of names
	err         error
}

// describe looks at T once. Two types with the same fields at the same offsets
// have the same fingerprint, whatever they are called.
func describe[T any]() element {
	t := reflect.TypeFor[T]()
	h := fnv.New64a()
	err := write(h, t, 0)
	if err == nil && t.Size() == 0 {
		err = fmt.Errorf("%w: %s has no bytes", ErrSize, t)
	}
	return element{name: t.String(), size: int(t.Size()), fingerprint: h.Sum64(), err: err}
}

// check holds T against what the ring's creator said of its elements. A ring
// without a fingerprint, as C creates it, has to fit in size.
func check[T any](r *Ring) error {
	t := describe[T]()
	if t.err != nil {
		return t.err
	}
	c := r.config
	if c.Kind != Slots || c.SlotSize != t.size {
		return fmt.Errorf("ring %s: %w: it is of kind %s with messages of %d bytes, %s has %d", r.name(), ErrMismatch, c.Kind, c.SlotSize, t.name, t.size)
	}
	if c.fingerprint != 0 && c.fingerprint != t.fingerprint {
		return fmt.Errorf("ring %s: %w: its elements are %q, want %q", r.name(), ErrMismatch, c.element, t.name)
	}
	return nil
}

func write(w io.Writer, t reflect.Type, off uintptr) error {
	switch k := t.Kind(); k {
	case reflect.Struct:
		for f := range t.Fields() {
			if err := write(w, f.Type, off+f.Offset); err != nil {
				return err
			}
		}
	case reflect.Array:
		fmt.Fprintf(w, "[%d@%d]", t.Len(), off)
		return write(w, t.Elem(), off)
	case reflect.Bool, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		fmt.Fprintf(w, "%s@%d;", k, off)
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		// Their size differs from machine to machine; it is part of the print.
		fmt.Fprintf(w, "%s%d@%d;", k, t.Size(), off)
	default:
		return fmt.Errorf("%w: a %s (%s) means nothing in another process; use numbers, arrays and structs of them", ErrPointers, t, k)
	}
	return nil
}
