// Package model holds the rings' protocols as small transition systems and
// searches all their states: every interleaving of atomic steps, and the death
// of any process before any step. It is what the protocols were found with, and
// the tests keep them true: the models must pass, and each seeded bug must fail.
//
// What it shows holds for the models: small rings, few messages, sequential
// consistency (the gate's model has a store buffer). What order the real stores
// and loads need is in docs/spec/memory-order.md.
package model
