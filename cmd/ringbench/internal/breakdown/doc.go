// Package breakdown says where the time of a message goes: Rows are the times that both
// sides have noted around the calls of the ring, Fold makes stages of them, Transfers
// counts the cache lines that a message moves by the ring's layout.
package breakdown
