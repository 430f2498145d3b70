package main

import (
	"os"

	"annulus/cmd/ringbench/internal/crowd"
	"annulus/cmd/ringbench/internal/doctor"
	"annulus/cmd/ringbench/internal/guard"
	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/stress"
)

// hidden are the commands that no help shows: what this program is when it starts itself again, and what
// the shells' scripts ask. Each gets the arguments behind its name and returns the exit status.
var hidden = map[string]func(args []string) int{
	rig.WorkerCommand:    func([]string) int { return rig.WorkerMain(findTransport) },
	crowd.WorkerCommand:  func(args []string) int { return crowd.WorkerMain(first(args)) },
	load.WorkerCommand:   func(args []string) int { return load.WorkerMain(first(args)) },
	stress.WorkerCommand: func(args []string) int { return stress.WorkerMain(first(args)) },
	guard.Command:        func(args []string) int { return guard.Main(first(args), guards()) },
	doctor.TryCommand:    func(args []string) int { return doctor.TryMain(args, os.Stdout) },
	completeCommand:      func(args []string) int { return completeMain(args, os.Stdout) },
}

// first is the first argument, "" for none.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
