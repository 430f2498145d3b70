package layout

import (
	"errors"
	"strings"
	"testing"
)

// Who opens the one as the other is told so.
func TestRingIsNoCell(t *testing.T) {
	g, err := Compute(Shape{Kind: KindBytes, Topology: TopologySPSC, Capacity: 4096, Stride: MinStride})
	if err != nil {
		t.Fatal(err)
	}
	ring := make([]byte, g.TotalSize)
	Format(ring, g, Identity{})
	cg, err := ComputeCell(CellKindValue, 8, MinStride)
	if err != nil {
		t.Fatal(err)
	}
	cell := make([]byte, cg.TotalSize)
	FormatCell(cell, cg, Identity{})

	if _, _, err := Decode(ring[:HeaderSize], g.TotalSize); err != nil {
		t.Error(err)
	}
	if _, _, err := DecodeCell(cell[:HeaderSize], cg.TotalSize); err != nil {
		t.Error(err)
	}
	if _, _, err := Decode(cell[:HeaderSize], cg.TotalSize); !errors.Is(err, ErrMagic) || !strings.Contains(err.Error(), "package seqlock") {
		t.Errorf("a cell opened as a ring: %v", err)
	}
	if _, _, err := DecodeCell(ring[:HeaderSize], g.TotalSize); !errors.Is(err, ErrCellMagic) || !strings.Contains(err.Error(), "package ring") {
		t.Errorf("a ring opened as a cell: %v", err)
	}
}
