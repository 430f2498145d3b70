// Package report turns measurements into the table people read and the JSON
// document (schema ringbench/1) machines read, both with the environment in
// which the figures were taken.
//
// Nothing here is safe for concurrent use on the same value.
package report
