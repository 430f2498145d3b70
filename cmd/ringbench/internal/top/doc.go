// Package top is the live view of the rings and cells of a machine.
//
// What is seen, what it means and how it is drawn are apart, and only the first and the
// last touch the world:
//
//	place.go watcher.go sample.go  which rings there are, and what their words say: read-only, no lock
//	budget.go                      how often a ring is looked at that takes long
//	row.go party.go condition.go   two looks become rates, stalls and a word for the state
//	column.go table.go             columns, as many as fit; order and filter
//	view.go keys.go detail.go      what is shown after which key, as lines of text
//	plain.go document.go           one sample for a pipe, or as JSON
//	sampler.go                     looking while keys are answered
//	screen.go suspend.go           the terminal
//
// The terminal library is tcell: it draws cells, so that no line can wrap, restores and
// suspends the terminal, knows NO_COLOR, and needs seven modules. Bubble Tea needs seventeen,
// and draws lines of text, which a terminal may wrap.
package top
