// Package element looks at the Go types whose values lie in shared memory.
package element

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"reflect"
)

var (
	// ErrPointers: the type holds pointers.
	ErrPointers = errors.New("element type holds pointers")
	// ErrNoBytes: values of the type have no bytes.
	ErrNoBytes = errors.New("element type without a size")
)

// Type is what is known of one element type.
type Type struct {
	Name        string // for people
	Size        int    // bytes
	Fingerprint uint64 // of sizes, kinds and offsets, not of names
}

// Of looks at T once. Two types with the same fields at the same offsets have
// the same fingerprint, whatever they are called. With an error, which wraps
// ErrPointers or ErrNoBytes, the name and the size are right all the same.
func Of[T any]() (Type, error) {
	t := reflect.TypeFor[T]()
	h := fnv.New64a()
	err := write(h, t, 0)
	if err == nil && t.Size() == 0 {
		err = fmt.Errorf("%w: %s has no bytes", ErrNoBytes, t)
	}
	return Type{Name: t.String(), Size: int(t.Size()), Fingerprint: h.Sum64()}, err
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

// HoldsBool tells whether a T holds a bool. A byte of it that is neither 0 nor 1 is no value to
// the compiler, which may do anything with it: who writes it must be trusted.
func HoldsBool[T any]() bool { return holdsBool(reflect.TypeFor[T]()) }

func holdsBool(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool:
		return true
	case reflect.Array:
		return holdsBool(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if holdsBool(f.Type) {
				return true
			}
		}
	}
	return false
}
