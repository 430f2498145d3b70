// Package rig measures a transport between two pinned processes.
//
// Measure, in the parent, sets the transport up, starts one worker process for
// each side (the same binary again, see WorkerMain), holds both at a barrier,
// opens and closes the measured window through one shared page, and collects
// what the workers counted. A worker dies with its parent, whatever kills it.
//
// Payloads carry a sequence number that every receiver checks, and sealed ones a
// checksum as well; both sides' counts must agree, so nothing looks fast by losing
// messages.
package rig
